"""Links between cells and subjects with their references, between cells, and between cells and control images.

A cell's digest covers what decides its pixels, so several subjects may share it.
The same reference under two names gives the same cells: each subject has its own link. An image of two subjects has a
link for each of them, at different positions.
"""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, only_where_set


class CellSubject(Base):
    """A link: a cell shows a subject, using this reference and mask.

    `position` counts the subjects of one image from 0; links at the same position are names of the same bytes.
    `output_id` is a copy, None before there is an image: one index gives a subject's images in their order.
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


class CellReference(Base):
    """A further reference of a subject that a cell was planned with, after that of its CellSubject.

    `position` counts from 1 for the first subject of the cell, from 1001 for the second, and so on; `caption` is its
    own in this cell.
    """

    __tablename__ = "cell_references"
    __table_args__ = (Index(None, "subject_id", "reference_id"), Index(None, "reference_id"))
    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    reference_id: Mapped[int] = mapped_column(ForeignKey("refs.id"))
    mask_id: Mapped[int | None] = mapped_column(ForeignKey("masks.id"))
    caption: Mapped[str]


class CellReferenceControl(Base):
    """A control image, of any kind, of a cell's further reference at this position, under which it is encoded.

    At 1000, 2000, ... are those of the first references of the cell's further subjects.
    """

    __tablename__ = "cell_reference_controls"
    __table_args__ = (Index(None, "image_sha256"),)
    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))


class CellSource(Base):
    """A cell whose picture another cell is made from: `role` "edit", or "first" of its set."""

    __tablename__ = "cell_sources"
    __table_args__ = (Index(None, "source_id", "role"),)
    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("cells.id"))


class CellControl(Base):
    """A control image of a cell, of any kind but pose and depth, which have columns of their own.

    `of_reference`: it is the reference's own, under which the reference is encoded.
    """

    __tablename__ = "cell_controls"
    __table_args__ = (Index(None, "image_sha256"),)
    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    of_reference: Mapped[bool] = mapped_column(primary_key=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))


class SubjectScore(Base):
    """A copy of a current score for each subject that its output shows, to list a subject's images by score."""

    __tablename__ = "subject_scores"
    __table_args__ = (Index(None, "subject_id", "metric", "value", "output_id"),)
    output_id: Mapped[int] = mapped_column(ForeignKey("outputs.id"), primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"), primary_key=True)
    value: Mapped[float]
