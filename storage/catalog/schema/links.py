"""Whom a picture shows. A cell is named by what decides its pixels, so several subjects may share one.

A reference under two names, or under a new one, gives the same cells: each of the subjects has a link of its own. A
picture of two subjects has a link for each of them, at different positions.
"""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, only_where_set


class CellSubject(Base):
    """A cell shows a subject, from this reference and mask of the subject.

    `position` counts the subjects of one picture from 0; links at the same position are names of the same bytes.
    `output_id` is a copy, None before there is a picture: one index gives a subject's pictures in their order.
    """

    __tablename__ = "cell_subjects"
    __table_args__ = (
        Index(None, "subject_id", "cell_id"),
        Index(None, "subject_id", "output_id", **only_where_set("output_id")),
    )
    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"), primary_key=True)
    position: Mapped[int] = mapped_column(server_default="0", default=0)
    reference_id: Mapped[int] = mapped_column(ForeignKey("refs.id"))
    mask_id: Mapped[int | None] = mapped_column(ForeignKey("masks.id"))
    output_id: Mapped[int | None]


class SubjectScore(Base):
    """A current score once for each subject that its output shows: a subject's pictures, the best first."""

    __tablename__ = "subject_scores"
    __table_args__ = (Index(None, "subject_id", "metric", "value", "output_id"),)
    output_id: Mapped[int] = mapped_column(ForeignKey("outputs.id"), primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"), primary_key=True)
    value: Mapped[float]
