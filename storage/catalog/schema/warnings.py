"""Warnings of a run about differences between its results and the request."""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base


class WarningRow(Base):
    """A warning of a run: the subject (None: all) and the prompt (None: all) it concerns.

    It is deleted with its run or its subject.
    """

    __tablename__ = "run_warnings"
    __table_args__ = (Index(None, "run_id", "id"), Index(None, "subject_id", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    subject_id: Mapped[int | None] = mapped_column(ForeignKey("subjects.id", ondelete="CASCADE"))
    prompt: Mapped[str | None]
    place: Mapped[str]
    kind: Mapped[str]
    message: Mapped[str]
