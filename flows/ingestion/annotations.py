"""What is known of a reference beside its mask: stored captions and control images, found before or given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Protocol

from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.maskers import MISSING, masker_of
from flows.ingestion.masking import giver_of
from storage import objects
from storage.catalog.records import PERSONS, AnnotationFacts, Given


class Backend(Protocol):
    """A captioner or an estimator: what its results are recorded by."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...


@dataclass(frozen=True)
class ChosenAnnotation:
    """The caption (`text`) or control image (`data`, an image file) chosen for a reference; neither: nothing was found.

    `asked`: a person requested a new search; `stored`: its row, if the reference has it already; `remarks` are stored
    with it; `notes`: what users should know about the choice. The other values are as in AnnotationFacts.
    """

    kind: str
    method: str
    given: Given = "found"
    text: str | None = None
    data: bytes | None = None
    words: str | None = None
    confidence: float | None = None
    licence: str | None = None
    asked: bool = False
    stored: AnnotationFacts | None = None
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str | None:
        """Return the SHA-256 of the control image, 64 hex digits; None without one."""
        return None if self.data is None else sha256(self.data).hexdigest()

    def requested(self) -> "ChosenAnnotation":
        """Return it as the result of a search that a person requested."""
        return replace(self, asked=True, given="found")

    def noting(self, *notes: str) -> "ChosenAnnotation":
        """Return it with more notes."""
        return replace(self, notes=(*self.notes, *notes))


@dataclass(frozen=True)
class KnownAnnotations:
    """The stored annotations of a reference, the current one of each kind first.

    `is_used`: whether images of it were planned; `has_caption`: whether any was planned with this caption; `uses`: how
    many follow a control image of a kind, by the reference's own one. `find`: what a method found in the same image,
    for any subject, by kind, method and words. `read`: reads a blob.
    """

    rows: Sequence[AnnotationFacts] = ()
    is_used: Callable[[], bool] = lambda: False
    has_caption: Callable[[str], bool] = lambda caption: False
    uses: Callable[[str], Mapping[str | None, int]] = field(default=lambda kind: {})
    find: Callable[[str, str, str | None], AnnotationFacts | None] = lambda kind, method, words: None
    read: Callable[[str], bytes] = lambda sha256: b""

    def of(self, kind: str) -> list[AnnotationFacts]:
        """Return those of one kind, the current one first."""
        return [one for one in self.rows if one.kind == kind]

    def current(self, kind: str) -> AnnotationFacts | None:
        """Return the current one of a kind."""
        return next(iter(self.of(kind)), None)

    def same(self, chosen: ChosenAnnotation) -> AnnotationFacts | None:
        """Return the row that has this content by this method already."""
        key = (chosen.text, chosen.sha256, chosen.method, chosen.words)
        rows = self.of(chosen.kind)
        return next((one for one in rows if (one.text, one.image_sha256, one.method, one.words) == key), None)

    def found_by(self, kind: str, backend: Backend, words: str | None = None) -> ChosenAnnotation | None:
        """Return what a backend found in this image before; None if it has to look.

        If its model is not on this machine, what another version of it found is as good.
        """
        name, version = backend.name, backend.version
        ours = [one for one in self.of(kind) if one.words == words]
        there = next((one for one in ours if one.method == f"{name}-{version}"), None)
        there = there or self.find(kind, f"{name}-{version}", words)
        if there is None and version.endswith(MISSING):
            there = next((one for one in ours if one.method.startswith(f"{name}-")), None)
        chosen = None if there is None else self.reused(there)
        return chosen if chosen is None or chosen.stored is not None else replace(chosen, given="found")

    def reused(self, row: AnnotationFacts) -> ChosenAnnotation | None:
        """Return a stored annotation as the chosen one; None if its image is lost and was found, not given."""
        data = None
        if row.image_sha256 is not None:
            try:
                data = self.read(row.image_sha256)
            except (objects.ObjectMissingError, objects.ChecksumMismatchError, objects.DigestMismatchError) as error:
                if row.given not in PERSONS:
                    return None
                raise PluginError(
                    f"version {row.version}, given by {giver_of(row)}, cannot be read ({error}); restore it from a "
                    "backup, give it again, or write auto to estimate one"
                ) from error
        return ChosenAnnotation(
            row.kind,
            row.method,
            row.given,
            row.text,
            data,
            row.words,
            row.confidence,
            row.licence,
            stored=row if any(one.id == row.id for one in self.rows) else None,
            remarks=row.notes,
            notes=row.notes,
        )


def licence_of_backend(backend: object) -> str | None:
    """Return the name of the licence of a backend's model: its own `licence`, else those of its known models."""
    if own := getattr(backend, "licence", None):
        return str(own)
    if not (models := getattr(backend, "models", ())):
        return None
    from dreamtuner.models.auxiliary import AUXILIARY

    names = [AUXILIARY.get(name).licence.name for name in models if name in AUXILIARY]
    return " and ".join(dict.fromkeys(names)) or None


def licence_of_method(method: str) -> str | None:
    """Return the licence of the model of the masker that records masks as `method`, if it has one."""
    masker = masker_of(method)
    return None if masker is None else licence_of_backend(masker)


def stays(current: AnnotationFacts, asked: bool) -> str:
    """Return the note that a person's annotation is not replaced by what a spec says."""
    what = f"{current.kind}: auto was set" if asked else f"the {current.kind} in the spec was given"
    return (
        f"{what} before the current one: version {current.version}, given by {giver_of(current)}, stays; "
        "set replace: true, or select the older version in the dashboard, to use that"
    )


def offered(current: AnnotationFacts, backend: Backend) -> tuple[str, ...]:
    """Return a note if another method, or version of it, found an annotation than would be used today."""
    method = f"{backend.name}-{backend.version}"
    if current.given != "found" or current.method == method or method.endswith(f"-{MISSING}"):
        return ()
    field = current.kind
    return (f"the {field} found by {current.method} stays in use; set {field}: auto to detect it again by {method}",)
