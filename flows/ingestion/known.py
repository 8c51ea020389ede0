"""Looks up subjects in the catalog, and compares them with the entries of a spec."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from flows.ingestion.annotations import KnownAnnotations
from flows.ingestion.masking import KnownMasks
from flows.ingestion.sources import read_ahead
from flows.resources import Resources
from flows.spec.problems import InputError, Problem
from flows.spec.subject import SubjectSpec
from storage import objects
from storage.catalog import views
from storage.catalog.records import PERSONS, AnnotationFacts, NotInCatalogError, SubjectAssets

T = TypeVar("T")

if TYPE_CHECKING:
    from storage.catalog import Catalog
    from storage.catalog.name_conflicts import UnknownNames
    from storage.objects import ObjectStore


@dataclass(frozen=True)
class Stored:
    """A subject of the catalog with access to its stored files."""

    assets: SubjectAssets
    name: str
    catalog: "Catalog"
    store: "ObjectStore"

    def further(self) -> "list[Stored]":
        """Return the subject with each of its further references, in order."""
        if len(self.assets.references) < 2:
            return []
        with self.catalog.read() as s:
            return [replace(self, assets=one) for one in views.further_assets(s, self.assets)]

    def caption_of(self, image_sha256: str) -> str | None:
        """Return the caption that a person gave this image, if it is one of the references in use."""
        every = (self, *self.further())
        return next((one.assets.caption for one in every if one.assets.image_sha256 == image_sha256), None)

    def masks(self, image_sha256: str) -> KnownMasks:
        """Return the stored masks of this reference image of the subject."""
        with self.catalog.read() as s:
            masks = views.masks_of(s, self.name, image_sha256)
            given = bool(masks) and masks[0].given in PERSONS
            made = views.cells_by_mask(s, self.assets.subject_id, [one.id for one in masks]) if given else {}
            return KnownMasks(masks, made, self.read)

    def annotations(self, image_sha256: str) -> KnownAnnotations:
        """Return the stored annotations of this reference image of the subject, and what its images used of it."""
        asked = partial(_ask, self.catalog)
        return KnownAnnotations(
            asked(views.annotations_of_image, self.name, image_sha256),
            lambda: asked(views.is_used, self.name, image_sha256),
            lambda caption: asked(views.is_caption_used, self.name, image_sha256, caption),
            lambda kind: asked(views.control_uses, self.name, image_sha256, kind),
        )

    def read(self, sha256: str) -> bytes:
        """Read a blob. Raises StoreError."""
        return objects.get_blob(self.store, sha256)


@dataclass(frozen=True)
class Seen:
    """What is known of one reference image: its masks and its annotations, with what was found for other subjects."""

    masks: KnownMasks
    annotations: KnownAnnotations


def seen(stored: Stored | None, image_sha256: str, resources: Resources) -> Seen:
    """Look up what is known of an image: of the subject `stored`, and whatever was found in it for any other."""
    masks = KnownMasks() if stored is None else stored.masks(image_sha256)
    annotations = KnownAnnotations() if stored is None else stored.annotations(image_sha256)
    catalog = resources.catalog_if_any
    if catalog is None:
        return Seen(masks, annotations)
    asked, read = partial(_ask, catalog), partial(objects.get_blob, resources.store)

    def find(kind: str, method: str, words: str | None) -> AnnotationFacts | None:
        key: dict[str, Any] = {"image_sha256": image_sha256, "kind": kind, "method": method, "words": words}
        return asked(lambda s: views.found_annotation(s, **key))

    return Seen(
        replace(masks, found=lambda: asked(views.found_masks, image_sha256), read=read),
        replace(annotations, find=find, read=read),
    )


def _ask(catalog: "Catalog", view: Callable[..., T], *what: Any) -> T:
    with catalog.read() as s:
        return view(s, *what)


def stored_subject(name: str, resources: Resources) -> Stored | None:
    """Return the subject of this name with its current reference; None without such a subject or a catalog."""
    catalog = resources.catalog_if_any
    if catalog is None:
        return None
    try:
        with catalog.read() as s:
            return Stored(views.subject_assets(s, name), name, catalog, resources.store)
    except NotInCatalogError:
        return None


def unknown_name(name: str, resources: Resources) -> str:
    """Return the error message for a name that is not in the catalog, with similar names."""
    return _unknown_names(resources).message(name)


def _unknown_names(resources: Resources) -> "UnknownNames":
    from storage.catalog.name_conflicts import UnknownNames  # where there is something to say, as below

    catalog = resources.catalog_if_any
    return UnknownNames(lambda: () if catalog is None else _ask(catalog, views.subject_names))


def demand_subjects(
    subjects: Sequence[SubjectSpec], resources: Resources, source: str, *, replace: str | None = None
) -> None:
    """Raise InputError unless every name means the same subject in the catalog and in the entry; writes nothing.

    References of stored names are read and compared. Ingestion later rejects those that cannot be read. `replace`: how
    users of the caller ask to replace the stored subject; None: as in a spec.
    """
    stored = {one.name: stored_subject(one.name, resources) for one in subjects}
    known = [one for one in subjects if stored[one.name] is not None and not one.replace]
    places = [entry.reference for one in known for entry in one.singles() if entry.reference is not None]
    data = read_ahead(places, resources.settings)
    problems = []
    names = None
    for i, one in enumerate(subjects):
        path: tuple[str | int, ...] = ("subjects", i, "name")
        there = stored[one.name]
        if there is None:
            if not one.is_new:
                names = names or _unknown_names(resources)
                problems.append(Problem(path=path, message=names.message(one.name)))
            continue
        found = [] if one.replace else differing(one, there.assets, _read_of(one, data))
        if found:
            problems.append(Problem(path=path, message=name_taken(one.name, there.assets, found, replace)))
    if problems:
        raise InputError(source, problems)


def name_taken(name: str, stored: SubjectAssets, found: Sequence[str], replace: str | None = None) -> str:
    """Return the error message for an entry that differs from the stored subject of its name, as `found` says."""
    from storage.catalog.name_conflicts import REPLACE, name_taken_message

    return name_taken_message(name, stored, found, replace or REPLACE)


def _read_of(subject: SubjectSpec, data: Mapping[str, bytes]) -> list[tuple[bytes, float]] | None:
    """Return the bytes and weights of an entry's references; None if it gives none, or one was not read."""
    entries = [data.get(one.reference or "") for one in subject.singles()]
    found = [one for one in entries if one is not None]
    return None if len(found) < len(entries) else list(zip(found, subject.weights, strict=True))


def differing(
    subject: SubjectSpec, stored: SubjectAssets, references: Sequence[tuple[bytes, float]] | None
) -> list[str]:
    """List how an entry differs from the stored subject of its name.

    `references`: the bytes and the weight of each; None: not given or read.

    An entry with a reference is complete: its style is natural if it gives none.
    """
    from storage.catalog.name_conflicts import differences

    style = subject.style or ("natural" if subject.is_new else None)
    images = None
    if references is not None and subject.is_new:
        images = [(hashlib.sha256(data).hexdigest(), weight) for data, weight in references]
    return differences(stored, class_word=subject.class_word, style=style, references=images)
