"""Summaries of all subjects."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from storage.catalog.records import Given
from storage.catalog.schema import Cell, CellSubject, Mask, Output, Reference, ReferenceMember, Subject


@dataclass(frozen=True)
class SubjectSummary:
    """A subject, its current reference and that one's current mask, and its images.

    `reference` is the source of the reference, `references` counts all it has had, `in_use` those it has now. `mask` is
    the method of the current mask, None if there is none; `mask_given` and `mask_giver` are its origin and who provided
    it. `approved` of the `pictures` are approved.
    """

    id: int
    name: str
    class_word: str
    style: str
    reference: str | None
    reference_sha256: str | None
    references: int
    in_use: int
    mask: str | None
    mask_confidence: float | None
    mask_doubtful: bool | None
    mask_given: Given | None
    mask_giver: str | None
    pictures: int
    approved: int
    created_at: datetime


def subject_list(s: Session) -> list[SubjectSummary]:
    """List all subjects by name. An image of several subjects counts for each of them."""
    later, newer = aliased(Reference), aliased(Mask)
    newest = select(later.id).where(later.subject_id == Subject.id).order_by(later.turn.desc()).limit(1)
    current = select(newer.id).where(newer.reference_id == Reference.id).order_by(newer.turn.desc()).limit(1)
    members = select(func.count(ReferenceMember.position)).where(ReferenceMember.leading_id == Reference.id)
    had = select(func.count(later.id)).where(later.subject_id == Subject.id)
    rows: Any = select(Subject.id, Subject.name, Subject.class_word, Subject.style, Subject.created_at)
    rows = rows.add_columns(Reference.source.label("reference"), Reference.image_sha256.label("reference_sha256"))
    rows = rows.add_columns(members.label("members"))
    rows = rows.add_columns(
        had.label("references"), Mask.method.label("mask"), Mask.confidence.label("mask_confidence")
    )
    rows = rows.add_columns(Mask.doubtful.label("mask_doubtful"), Mask.given.label("mask_given"))
    rows = rows.add_columns(Mask.giver.label("mask_giver")).select_from(Subject)
    rows = rows.outerjoin(Reference, Reference.id == newest.scalar_subquery())
    rows = rows.outerjoin(Mask, Mask.id == current.scalar_subquery()).order_by(Subject.name)
    made = select(CellSubject.subject_id, Output.decision, func.count())
    made = made.join(Output, Output.id == CellSubject.output_id)
    made = made.join(Cell, and_(Cell.id == Output.cell_id, Cell.state == "generated"))
    counts: dict[int, dict[str, int]] = {}
    for subject_id, decision, count in s.execute(made.group_by(CellSubject.subject_id, Output.decision)):
        counts.setdefault(subject_id, {})[decision] = count
    found = []
    for row in s.execute(rows):
        ours = counts.get(row.id, {})
        pictures, approved = sum(ours.values()), ours.get("approved", 0)
        about = dict(row._mapping)
        about["in_use"] = about.pop("members") or min(row.references, 1)
        found.append(SubjectSummary(**about, pictures=pictures, approved=approved))
    return found
