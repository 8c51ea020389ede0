"""Cells that have no picture now, by who still wants them.

A cell is wanted by a run that is under way, and by the newest run of a name, whatever became of it: running that spec
again makes what it lacks. What only older runs of a name asked for - a prompt with a typing error, seeds that were
taken out of the spec - nobody wants any more.
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
    """How many planned, failed and lost cells a `running` run wants, only a rerun would make, or no run wants."""

    running: int
    resumable: int
    unwanted: int


def missing_cells(s: Session) -> MissingCells:
    """The counts. A cell of several runs counts once, for the first of the three that is true of it."""
    running, newest = _asked_by(Run.state == "running"), _asked_by(_newest())
    rows = select(Cell.id).where(Cell.state.in_(OPEN))
    kinds = {"running": running, "resumable": and_(newest, not_(running)), "unwanted": _unwanted()}
    counted = {kind: select(func.count()).select_from(rows.where(one).subquery()) for kind, one in kinds.items()}
    return MissingCells(**{kind: s.scalar(count) or 0 for kind, count in counted.items()})


def unwanted_cells(s: Session) -> list[int]:
    """The ids of those that no run wants and that may go: nobody has reviewed a picture that they had."""
    reviewed = select(Review.id).join(Output, Output.id == Review.output_id).where(Output.cell_id == Cell.id)
    rows = select(Cell.id).where(Cell.state.in_(OPEN), _unwanted(), ~reviewed.exists())
    return list(s.scalars(rows.order_by(Cell.id)))


@dataclass(frozen=True)
class RunDeletion:
    """A run, and how many pictures no other run asked for; `approved` of them are approved."""

    id: str
    name: str
    outputs: int
    approved: int


def run_deletion(s: Session, run_id: str) -> RunDeletion:
    """What would go with a run; NotInCatalogError if there is none."""
    run = s.get(Run, run_id)
    if run is None:
        raise NotInCatalogError("this run is not in the catalog any more; the home page lists the last ones")
    other = aliased(RunCell)
    elsewhere = select(other.run_id).where(other.cell_id == RunCell.cell_id, other.run_id != run_id)
    rows = select(Output.decision, func.count()).join(RunCell, RunCell.cell_id == Output.cell_id)
    rows = rows.where(RunCell.run_id == run_id, ~elsewhere.exists()).group_by(Output.decision)
    counts = dict(s.execute(rows).all())
    return RunDeletion(run_id, run.name, sum(counts.values()), counts.get("approved", 0))


def _unwanted() -> ColumnElement[bool]:
    return not_(_asked_by(or_(Run.state == "running", _newest())))


def _asked_by(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """That a run of a kind asked for the cell."""
    return select(RunCell.cell_id).join(Run, Run.id == RunCell.run_id).where(RunCell.cell_id == Cell.id, which).exists()


def _newest() -> Any:
    """That no run of the same name began later."""
    later = aliased(Run)
    after = or_(later.started_at > Run.started_at, and_(later.started_at == Run.started_at, later.id > Run.id))
    return ~select(later.id).where(later.name == Run.name, after).exists()
