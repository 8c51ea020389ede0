"""Many subjects at once, with the references, masks, captions and control images that they have now."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.records import CAPTION, AnnotationFacts
from storage.catalog.schema import Annotation, Mask, Reference, ReferenceMember, Subject
from storage.catalog.views.annotations import annotation_facts


@dataclass(frozen=True)
class ReferenceState:
    """A reference as it is now. `caption`: given with it; `captions`: found or corrected, the current one first.

    `mask_sha256`: None if it is not masked yet; `controls`: its own control images by kind; `source`: where it was
    read from, without passwords and signatures.
    """

    id: int
    image_sha256: str
    mask_sha256: str | None = None
    caption: str | None = None
    captions: tuple[AnnotationFacts, ...] = ()
    controls: Mapping[str, str] = field(default_factory=dict)
    weight: float = 1.0
    source: str = ""


@dataclass(frozen=True)
class SubjectState:
    """A subject as it is now; `references`: none if it has no reference yet."""

    id: int
    name: str
    class_word: str
    style: str
    references: tuple[ReferenceState, ...] = ()


def subject_states(s: Session, names: Collection[str]) -> dict[str, SubjectState]:
    """Return the subjects of these names that are in the catalog, by name; a few queries for hundreds of them."""
    found: dict[str, SubjectState] = {}
    for part in chunks([*names]):
        rows = s.execute(select(Subject).where(Subject.name.in_(part))).scalars().all()
        subjects = {one.id: SubjectState(one.id, one.name, one.class_word, one.style) for one in rows}
        every = s.scalars(select(Reference).where(Reference.subject_id.in_(subjects)).order_by(Reference.turn)).all()
        first = {one.subject_id: one for one in every}  # the last of them by turn is the current one
        members = _members(s, [one.id for one in first.values()])
        used = {one.id for one in first.values()} | {id for sets in members.values() for id, _ in sets}
        states = _states(s, [one for one in every if one.id in used])
        for subject_id, subject in subjects.items():
            if (leading := first.get(subject_id)) is not None:
                chosen = members.get(leading.id) or [(leading.id, 1.0)]
                references = tuple(replace(states[id], weight=weight) for id, weight in chosen if id in states)
                subject = replace(subject, references=references)
            found[subject.name] = subject
    return found


def _members(s: Session, leading: Collection[int]) -> dict[int, list[tuple[int, float]]]:
    """Return the references of each set, in order, with their weights."""
    found: dict[int, list[tuple[int, float]]] = {}
    rows = select(ReferenceMember).where(ReferenceMember.leading_id.in_(leading)).order_by(ReferenceMember.position)
    for one in s.scalars(rows):
        found.setdefault(one.leading_id, []).append((one.reference_id, one.weight))
    return found


def _states(s: Session, references: Iterable[Reference]) -> dict[int, ReferenceState]:
    rows = {one.id: one for one in references}
    masks: dict[int, str] = {}
    notes: dict[int, dict[str, list[AnnotationFacts]]] = {}
    for part in chunks([*rows]):
        newest = select(Mask.reference_id, Mask.mask_sha256).where(Mask.reference_id.in_(part)).order_by(Mask.turn)
        masks |= dict(s.execute(newest).all())
        of_these = select(Annotation).where(Annotation.reference_id.in_(part))
        for one in s.scalars(of_these.order_by(Annotation.turn.desc(), Annotation.id.desc())):
            notes.setdefault(one.reference_id, {}).setdefault(one.kind, []).append(annotation_facts(one))
    return {
        id: ReferenceState(
            id,
            row.image_sha256,
            masks.get(id),
            row.caption,
            tuple(notes.get(id, {}).get(CAPTION, ())),
            {
                kind: sha256
                for kind, every in notes.get(id, {}).items()
                if kind != CAPTION and (sha256 := every[0].image_sha256) is not None
            },
            source=row.source,
        )
        for id, row in rows.items()
    }
