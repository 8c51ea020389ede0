"""Runs in progress, with their workers, and what is left of them: short queries for processes that generate."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from storage.catalog.claims import alive, claimable, is_open
from storage.catalog.database.sql import as_records, instant
from storage.catalog.records import PRIORITIES, RunAtWork
from storage.catalog.schema import Cell, Profile, Run, RunCell, WorkerRow


def runs_at_work(s: Session, *, but_by: str) -> list[RunAtWork]:
    """List the runs in progress, the oldest first, each with its number of workers other than `but_by`."""
    at_it = and_(WorkerRow.run_id == Run.id, WorkerRow.owner != but_by, alive(instant(s)))
    counted = select(Run.id, Run.priority, func.count(WorkerRow.owner)).outerjoin(WorkerRow, at_it)
    counted = counted.where(Run.state == "running").group_by(Run.id, Run.priority, Run.started_at)
    rows = s.execute(counted.order_by(Run.started_at, Run.id))
    return [RunAtWork(run_id, PRIORITIES[priority], others) for run_id, priority, others in rows]


@dataclass(frozen=True)
class RunLeft:
    """Whether a cell of a run is being generated, and whether one could be claimed."""

    generating: bool
    claimable: bool


def run_left(s: Session, run_id: str, *, but: Collection[str] = (), but_profiles: Collection[int] = ()) -> RunLeft:
    """Return what is left of a run for a worker that cannot generate the cells `but`, nor those of `but_profiles`."""
    able = [Cell.digest.not_in(but)] if but else []
    able += [Cell.profile_id.not_in(but_profiles)] if but_profiles else []
    return RunLeft(
        _any(s, run_id, Cell.state == "generating"),
        _any(s, run_id, and_(claimable(s, instant(s)), *able)),
    )


def _any(s: Session, run_id: str, where: ColumnElement[bool]) -> bool:
    found = (
        select(RunCell.cell_id).join(Cell, Cell.id == RunCell.cell_id).where(RunCell.run_id == run_id, is_open(), where)
    )
    return s.scalar(found.limit(1)) is not None


@dataclass(frozen=True)
class ProfileInUse:
    """A profile of the catalog: `id` is that of its name with these weights."""

    id: int
    name: str
    weights_digest: str


def profiles_after(s: Session, last: int) -> list[ProfileInUse]:
    """List the profiles with ids beyond `last`."""
    rows = select(Profile.id, Profile.name, Profile.weights_digest).where(Profile.id > last).order_by(Profile.id)
    return as_records(ProfileInUse, s.execute(rows))
