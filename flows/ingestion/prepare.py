"""Reads and prepares all references of a subject in memory. Writes nothing, so that a plan can use it too."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from dreamtuner.models.weights import WeightsMissingError
from flows.ingestion.choice import StatedEyes
from flows.ingestion.known import Stored, differing, name_taken, unknown_name
from flows.ingestion.prepare_reference import Prepared, naming, prepare_reference
from flows.ingestion.sources import read, shown
from flows.resources import Resources
from flows.spec.problems import SubjectError
from flows.spec.subject import SubjectSpec
from storage import objects
from storage.catalog.records import Given


@dataclass(frozen=True)
class _Read:
    """One reference as it was read: its entry, the stored subject with this reference, source, bytes and weight.

    `place`: how errors begin, such as "references[1]."; empty for one that is given alone.
    """

    subject: SubjectSpec
    stored: Stored | None
    source: str
    data: bytes
    weight: float
    place: str


def prepare(
    subject: SubjectSpec,
    resources: Resources,
    stored: Stored | None = None,
    *,
    given: Given = "spec",
    profile: str | None = None,
    stated: StatedEyes | None = None,
) -> Prepared:
    """Fetch, decode, mask and annotate a subject. Raises SubjectError.

    `stored`: the subject of this name in the catalog, which provides omitted values and what a person gave. `given`:
    the origin of what is in the entry, "spec" or "ingest". `profile`: whose masker, captioner and estimators are the
    default, if any; `stated`: those that the spec names.
    """
    every = list(_references(subject, resources, stored))
    _demand_distinct(every)
    if stored is not None and not subject.replace:
        found = differing(subject, stored.assets, [(one.data, one.weight) for one in every])
        if found:
            raise SubjectError(f"name: {name_taken(subject.name, stored.assets, found)}")
    first, *others = [_prepared(one, resources, given=given, profile=profile, stated=stated) for one in every]
    return replace(
        first,
        subject=subject,
        facts=replace(first.facts, further=tuple(one.facts for one in others)),
        further=tuple(others),
    )


def _prepared(
    one: _Read, resources: Resources, *, given: Given, profile: str | None, stated: StatedEyes | None
) -> Prepared:
    with _placed(one.place):
        done = prepare_reference(
            one.subject, one.source, one.data, resources, one.stored, given=given, profile=profile, stated=stated
        )
    return replace(done, facts=replace(done.facts, weight=one.weight))


def _references(subject: SubjectSpec, resources: Resources, stored: Stored | None) -> Iterator[_Read]:
    """Read the entry's references, or those of the subject in the catalog."""
    if subject.is_new:
        for i, (one, weight) in enumerate(zip(subject.singles(), subject.weights, strict=True)):
            assert one.reference is not None, "each has its own"
            place = "" if subject.references is None else f"references[{i}]."
            with _placed(place), naming(f"reference {shown(one.reference)}"):
                data = read(one.reference, resources.settings)
            yield _Read(one, stored, one.reference, data, weight, place)
        return
    if stored is None:
        raise SubjectError(f"name: {unknown_name(subject.name, resources)}")
    weights = [one.weight for one in stored.assets.references]
    for i, one_stored in enumerate((stored, *stored.further())):
        entry, place = (subject, "") if i == 0 else (subject.of_stored(), f"references[{i}].")
        with _placed(place):
            data = _stored_reference(one_stored)
        yield _Read(entry, one_stored, one_stored.assets.source, data, weights[i], place)


def _demand_distinct(every: list[_Read]) -> None:
    first: dict[bytes, int] = {}
    for i, one in enumerate(every):
        same = first.setdefault(one.data, i)
        if same != i:
            raise SubjectError(
                f"{one.place}image is the same file as references[{same}].image; remove one, or weigh the other more"
            )


def _stored_reference(stored: Stored) -> bytes:
    sha256 = stored.assets.image_sha256
    try:
        return stored.read(sha256)
    except (objects.ObjectMissingError, objects.ChecksumMismatchError, objects.DigestMismatchError) as error:
        raise SubjectError(
            f"reference {sha256[:12]} of the catalog cannot be read ({error}); set reference again, or "
            "restore it from a backup"
        ) from error


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Let errors name the entry of `references` that they are about, and its image as it is named there."""
    try:
        yield
    except (SubjectError, WeightsMissingError) as error:
        if not place:
            raise
        raise type(error)(place + re.sub(r"^reference\b", "image", str(error))) from error
