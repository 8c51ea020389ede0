"""The fine-tunings that a run waits for, and what became of each."""

from dataclasses import dataclass

from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session

from storage.catalog.claims import expired
from storage.catalog.database.sql import as_records, instant
from storage.catalog.schema import Reference, Run, RunTraining, Subject, Training


@dataclass(frozen=True)
class RunTrainingView:
    """A fine-tuning of a run. `done`: its checkpoint exists; `free`: a worker may claim it now.

    `cells`, `planned`, `error`: as in the table; `last_error`: of its last attempt, in whatever run.
    """

    digest: str
    subject_name: str
    cells: int
    planned: bool
    error: str | None
    done: bool
    free: bool
    last_error: str | None

    @property
    def awaited(self) -> bool:
        """Return whether its cells may still come."""
        return not self.planned and self.error is None


def run_trainings(s: Session, run_id: str) -> list[RunTrainingView]:
    """List the fine-tunings that the run requested, in the order of its spec."""
    asked = select(RunTraining.training_digest).where(RunTraining.run_id == run_id)
    holders = s.scalars(select(Training.owner).where(Training.digest.in_(asked), Training.owner.is_not(None))).all()
    unclaimed = or_(Training.owner.is_(None), expired(instant(s), holders))
    free = case((Training.checkpoint_id.is_(None) & RunTraining.error.is_(None) & unclaimed, True), else_=False)
    done = case((Training.checkpoint_id.is_not(None), True), else_=False)
    columns = (Training.digest, Subject.name.label("subject_name"), RunTraining.cells, RunTraining.planned)
    found = select(*columns, RunTraining.error, done.label("done"), free.label("free"))
    found = found.add_columns(Training.error.label("last_error")).join_from(
        RunTraining, Training, Training.digest == RunTraining.training_digest
    )
    found = found.join(Reference, Reference.id == Training.reference_id)
    found = found.join(Subject, Subject.id == Reference.subject_id).where(RunTraining.run_id == run_id)
    return as_records(RunTrainingView, s.execute(found.order_by(RunTraining.position)))


def cells_to_come(s: Session, run_id: str) -> int:
    """Count the cells of the run that are not planned yet, because their fine-tuning is not done.

    0 for a run that has ended: it plans no more.
    """
    if s.scalar(select(Run.state).where(Run.id == run_id)) != "running":
        return 0
    return sum(one.cells for one in run_trainings(s, run_id) if one.awaited)
