"""Work sessions for monitoring: what changed lately, sums of what is over, and who is at work."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records, instant
from storage.catalog.records import CellState, WorkKind
from storage.catalog.schema import Cell, Run, RunCell, WorkSession

SUMMED = ("device_seconds", "items", "failures", "leases_lost", "model_loads", "model_load_seconds")
LATELY = timedelta(hours=1)
MOST_RUNS = 50


@dataclass(frozen=True)
class WorkTotals:
    """Totals of one session, or sums of several, of one kind on one class of devices; names as in the schema."""

    kind: WorkKind
    device: str
    device_seconds: float
    items: int
    failures: int
    leases_lost: int
    model_loads: int
    model_load_seconds: float


@dataclass(frozen=True)
class SessionTotals(WorkTotals):
    """A session's totals as of `seen_at`."""

    id: str
    started_at: datetime
    seen_at: datetime


def session_totals(s: Session, since: datetime) -> list[SessionTotals]:
    """List the sessions that were recorded at `since` or later."""
    names = ("id", "kind", "device", "started_at", "seen_at", *SUMMED)
    rows = select(*(getattr(WorkSession, name) for name in names)).where(WorkSession.seen_at >= since)
    return as_records(SessionTotals, s.execute(rows))


def work_before(s: Session, before: datetime) -> list[WorkTotals]:
    """Sum up the sessions that were last recorded before that time, by kind and class of device."""
    sums = (func.sum(getattr(WorkSession, name)).label(name) for name in SUMMED)
    rows = select(WorkSession.kind, WorkSession.device, *sums).where(WorkSession.seen_at < before)
    return as_records(WorkTotals, s.execute(rows.group_by(WorkSession.kind, WorkSession.device)))


@dataclass(frozen=True)
class Workers:
    """Processes of one kind of work on one class of devices: `working` now, and `silent` ones.

    A silent one has neither ended nor been seen for a while, within the last hour: it was killed, or lost the catalog.
    """

    kind: WorkKind
    device: str
    working: int
    silent: int
    uploads_waiting: int


def workers(s: Session, silent_seconds: float) -> list[Workers]:
    """Count the processes at work, and those that were not seen for `silent_seconds`."""
    at = instant(s)
    works = WorkSession.seen_at >= at - timedelta(seconds=silent_seconds)
    counts = (
        func.sum(case((works, 1), else_=0)).label("working"),
        func.sum(case((works, 0), else_=1)).label("silent"),
        func.sum(case((works, WorkSession.uploads_waiting), else_=0)).label("uploads_waiting"),
    )
    rows = select(WorkSession.kind, WorkSession.device, *counts)
    rows = rows.where(WorkSession.seen_at >= at - LATELY, WorkSession.ended_at.is_(None))
    return as_records(Workers, s.execute(rows.group_by(WorkSession.kind, WorkSession.device)))


@dataclass(frozen=True)
class RunQueue:
    """A run in progress and the number of its cells by state, without those that none is in."""

    id: str
    name: str
    cells: dict[CellState, int]


def run_queues(s: Session, limit: int = MOST_RUNS) -> list[RunQueue]:
    """Count the cells of the newest runs in progress. It reads every cell of theirs: ask seldom."""
    running = s.execute(
        select(Run.id, Run.name).where(Run.state == "running").order_by(Run.started_at.desc()).limit(limit)
    ).all()
    return [RunQueue(run.id, run.name, dict(s.execute(_states(run.id)).all())) for run in running]


def runs_in_progress(s: Session) -> int:
    """Count the runs in progress."""
    return s.scalar(select(func.count()).select_from(Run).where(Run.state == "running")) or 0


def _states(run_id: str) -> Select[CellState, int]:
    counted = select(Cell.state, func.count()).join(RunCell, RunCell.cell_id == Cell.id)
    return counted.where(RunCell.run_id == run_id).group_by(Cell.state)
