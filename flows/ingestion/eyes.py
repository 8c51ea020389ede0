"""Checks the maskers, captioners and estimators that a spec's references need, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from dreamtuner.models.layouts import Kind
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.captioners import CAPTIONERS, DEFAULT_CAPTIONER
from dreamtuner.preprocess.maskers import MASKERS, MISSING
from flows.ingestion.annotations import Backend
from flows.ingestion.choice import IngestionChoice
from flows.ingestion.known import Stored, stored_subject
from flows.spec.entry import Path, is_auto, named_by_auto
from flows.spec.problems import InputError, Problem
from storage.catalog.records import CAPTION

if TYPE_CHECKING:
    from flows.resources import Resources
    from flows.spec.model import Spec
    from flows.spec.subject import SubjectSpec


PROFILE: Path = ("profile",)
Places = Set[Path]
"""The fields in which a spec names backends; all others come from its profile or from variables."""


@dataclass(frozen=True)
class Eye:
    """A backend that a spec names or needs: where the spec says so, and how to load it.

    `needed`: whether a reference has to be looked at with it, so that its model must be on this machine.
    """

    path: Path
    what: str
    load: Callable[[], Backend]
    needed: Callable[[Backend], bool] = lambda backend: False


def demand_eyes(spec: Spec, choice: IngestionChoice, resources: Resources) -> None:
    """Raise InputError if the spec names an unknown masker, captioner or estimator, or if the model of one is missing.

    A model is demanded only where a reference has to be looked at with it: what was found before is in the catalog.
    """
    fields = {"masker": spec.masker, "captioner": spec.captioner}
    named: set[Path] = {(field,) for field, name in fields.items() if name is not None}
    named |= {("estimators", kind) for kind in spec.estimators}
    problems = [one for eye in _named(choice, named) if (one := _problem(eye)) is not None]
    if spec.film is not None:
        eye = Eye(("video", "film"), "the estimator", _estimator("pose", choice.estimators.get("pose")), lambda _: True)
        problems += [one for one in [_problem(eye)] if one is not None]
    if not problems:
        for i, subject in enumerate(spec.subjects):
            problems += _problems(subject, ("subjects", i), choice, resources, named, spec.follows)
    if problems:
        raise InputError(f"spec {spec.name!r}", list({(one.path, one.message): one for one in problems}.values()))


def demand_eyes_of(subject: SubjectSpec, choice: IngestionChoice, resources: Resources, source: str) -> None:
    """Raise InputError as `demand_eyes`, for an entry that is ingested alone."""
    if problems := _problems(subject, (), choice, resources, set(), lambda kind: kind in choice.estimators):
        raise InputError(source, problems)


def _problems(
    subject: SubjectSpec,
    at: Path,
    choice: IngestionChoice,
    resources: Resources,
    named: Places,
    follows: Callable[[Kind], bool],
) -> list[Problem]:
    entries = [
        (one, at if subject.references is None else (*at, "references", i)) for i, one in enumerate(subject.singles())
    ]
    found = (eye for one, place in entries for eye in _Eyes(one, place, choice, resources, named, follows).needed())
    return [one for eye in found if (one := _problem(eye)) is not None]


def _problem(eye: Eye) -> Problem | None:
    try:
        backend = eye.load()
        lacking = lacking_of(backend) if eye.needed(backend) else None
    except PluginError as error:
        return Problem(path=eye.path, message=str(error))
    return None if lacking is None else Problem(path=eye.path, message=f"{eye.what} {backend.name} needs {lacking}")


def lacking_of(backend: Backend) -> str | None:
    """Return what the backend lacks on this machine, with the remedy; None if nothing."""
    if models := getattr(backend, "models", ()):
        from dreamtuner.models.auxiliary import missing_auxiliaries

        return "; ".join(missing_auxiliaries(models)) or None
    if not backend.version.endswith(f"-{MISSING}"):
        return None
    try:
        backend.place()  # type: ignore[attr-defined]
    except WeightsMissingError as error:
        return f"its model: {error}"
    return None


def _place(field: Path, named: Places) -> Path:
    return field if field in named else PROFILE


def _named(choice: IngestionChoice, named: Places) -> Iterator[Eye]:
    """Yield the backends that the spec names, or else its profile or a variable: their names must be known."""
    yield Eye(_place(("masker",), named), "the masker", lambda: MASKERS[choice.masker])
    yield Eye(_place(("captioner",), named), "the captioner", lambda: CAPTIONERS[choice.captioner])
    for kind, name in choice.estimators.items():
        yield Eye(_place(("estimators", kind), named), "the estimator", _estimator(kind, name))


@dataclass(frozen=True)
class _Eyes:
    """The backends that one subject's reference has to be looked at with."""

    subject: SubjectSpec
    at: Path
    choice: IngestionChoice
    resources: Resources
    named: Places
    follows: Callable[[Kind], bool]

    @cached_property
    def stored(self) -> Stored | None:
        return stored_subject(self.subject.name, self.resources)

    def needed(self) -> Iterator[Eye]:
        masker = named_by_auto(self.subject.mask) if is_auto("mask", self.subject.mask) else None
        at = (*self.at, "mask") if self.subject.mask else _place(("masker",), self.named)
        yield Eye(at, "the masker", lambda: MASKERS[masker or self.choice.masker], self._needs_masker)
        captioner = named_by_auto(self.subject.caption) if is_auto(CAPTION, self.subject.caption) else None
        at = (*self.at, CAPTION) if self.subject.caption else _place(("captioner",), self.named)
        yield Eye(at, "the captioner", lambda: CAPTIONERS[captioner or self.choice.captioner], self._needs_captioner)
        for kind in dict.fromkeys((*self.subject.layouts, *self.choice.kinds)):
            place = self.subject.layouts.get(kind)
            name = (named_by_auto(place) if is_auto(kind, place) else None) or self.choice.estimators.get(kind)
            if is_auto(kind, place) or (place is None and name is not None and self.follows(kind)):
                at = _own(self.at, kind) if place else _place(("estimators", kind), self.named)
                yield Eye(at, "the estimator", _estimator(kind, name), partial(self._is_new, kind, place))

    def _is_new(self, kind: str, stated: str | None, backend: Backend) -> bool:
        """Return whether the backend has to look: nothing is given, and nothing that it found is stored."""
        if stated is not None and not is_auto(kind, stated):
            return False
        if self.stored is None:
            return True
        if stated is None or self.subject.replace:
            return False  # it keeps what it has, or ingestion tells whether the reference is another one
        rows = self.stored.annotations(self.stored.assets.image_sha256).of(kind)
        return not any(one.method.startswith(f"{backend.name}-") for one in rows)

    def _needs_captioner(self, backend: Backend) -> bool:
        return backend.name != DEFAULT_CAPTIONER and self._is_new(CAPTION, self.subject.caption, backend)

    def _needs_masker(self, backend: Backend) -> bool:
        stated = self.subject.mask
        if stated is not None and not is_auto("mask", stated):
            return False
        if self.stored is None:
            return lacking_of(backend) is not None and not _has_alpha(self.subject, self.resources)
        if stated is None or self.subject.replace:
            return False
        masks = self.stored.masks(self.stored.assets.image_sha256).masks
        return not any(one.method.startswith(f"{backend.name}-") for one in masks)


def _own(at: Path, kind: Kind) -> Path:
    return (*at, kind) if kind in ("pose", "depth") else (*at, "controls", kind)


def _estimator(kind: Kind, name: str | None) -> Callable[[], Backend]:
    def load() -> Any:
        from dreamtuner.preprocess.estimators import estimator_of  # of other packages, only where one is named

        return estimator_of(kind, name)

    return load


def _has_alpha(subject: SubjectSpec, resources: Resources) -> bool:
    """Return whether the reference's file brings its mask, or cannot be read, which ingestion reports."""
    from dreamtuner.preprocess import ImageError, ImageLimits, decode_image
    from flows.ingestion.sources import read
    from storage.sources import SourceError

    if subject.reference is None:
        return True
    limits = ImageLimits(max_bytes=resources.settings.max_source_bytes)
    try:
        return decode_image(read(subject.reference, resources.settings), limits=limits).alpha is not None
    except (SourceError, ImageError):
        return True
