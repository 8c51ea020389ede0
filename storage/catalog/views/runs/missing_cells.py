"""Cells without an image, by whether a run still needs them.

A cell is needed by a run in progress, and by the newest run of each name, in any state: running that spec again
generates what is missing. Cells that only older runs of a name requested, such as prompts with a typing error or seeds
removed from the spec, are unwanted.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_, select
from sqlalchemy.orm import Session, aliased

from storage.catalog.records import NotInCatalogError
from storage.catalog.schema import Cell, Output, Review, Run, RunCell

OPEN = ("planned", "failed", "lost")


@dataclass(frozen=True)
class MissingCells:
    """Counts of planned, failed and lost cells: needed by a `running` run, only by a rerun (`resumable`), or none."""

    running: int
    resumable: int
    unwanted: int


def missing_cells(s: Session) -> MissingCells:
    """Count the missing cells. A cell of several runs counts once, in the first kind that applies."""
    running, newest = _requested_by(Run.state == "running"), _requested_by(_newest())
    rows = select(Cell.id).where(Cell.state.in_(OPEN))
    kinds = {"running": running, "resumable": and_(newest, not_(running)), "unwanted": _unwanted()}
    counted = {kind: select(func.count()).select_from(rows.where(one).subquery()) for kind, one in kinds.items()}
    return MissingCells(**{kind: s.scalar(count) or 0 for kind, count in counted.items()})


def unwanted_cells(s: Session) -> list[int]:
    """List the ids of unwanted cells that may be deleted because no image of theirs was reviewed."""
    reviewed = select(Review.id).join(Output, Output.id == Review.output_id).where(Output.cell_id == Cell.id)
    rows = select(Cell.id).where(Cell.state.in_(OPEN), _unwanted(), ~reviewed.exists())
    return list(s.scalars(rows.order_by(Cell.id)))


@dataclass(frozen=True)
class RunDeletion:
    """A run, and how many images no other run requested; `approved` of them are approved."""

    id: str
    name: str
    outputs: int
    approved: int


def run_deletion(s: Session, run_id: str) -> RunDeletion:
    """Return what deleting a run would delete. Raises NotInCatalogError."""
    run = s.get(Run, run_id)
    if run is None:
        raise NotInCatalogError("this run is no longer in the catalog; the home page lists the latest ones")
    other = aliased(RunCell)
    elsewhere = select(other.run_id).where(other.cell_id == RunCell.cell_id, other.run_id != run_id)
    rows = select(Output.decision, func.count()).join(RunCell, RunCell.cell_id == Output.cell_id)
    rows = rows.where(RunCell.run_id == run_id, ~elsewhere.exists()).group_by(Output.decision)
    counts = dict(s.execute(rows).all())
    return RunDeletion(run_id, run.name, sum(counts.values()), counts.get("approved", 0))


def _unwanted() -> ColumnElement[bool]:
    return not_(_requested_by(or_(Run.state == "running", _newest())))


def _requested_by(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Build the condition that such a run requested the cell."""
    return select(RunCell.cell_id).join(Run, Run.id == RunCell.run_id).where(RunCell.cell_id == Cell.id, which).exists()


def _newest() -> Any:
    """Build the condition that no run of the same name started later."""
    later = aliased(Run)
    after = or_(later.started_at > Run.started_at, and_(later.started_at == Run.started_at, later.id > Run.id))
    return ~select(later.id).where(later.name == Run.name, after).exists()
