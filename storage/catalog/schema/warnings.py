"""What changes a picture beyond what was asked, as a run found it out."""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base


class WarningRow(Base):
    """A warning of a run: whom (None: every subject) and the cells of which prompt (None: every one) it concerns.

    It goes with its run and its subject.
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
