"""The fine-tunings that a run waits for before it plans the cells that use them."""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base


class RunTraining(Base):
    """A fine-tuning that a run requested, in the order of its spec.

    `cells`: how many cells of the run use its checkpoint; `planned`: whether they are among the run's cells yet.
    `error`: why it failed in this run, so that no other worker of the run tries it again. It is deleted with its run or
    its fine-tuning.
    """

    __tablename__ = "run_trainings"
    __table_args__ = (Index(None, "training_digest"),)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    training_digest: Mapped[str] = mapped_column(ForeignKey("trainings.digest", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int]
    cells: Mapped[int]
    planned: Mapped[bool]
    error: Mapped[str | None]
