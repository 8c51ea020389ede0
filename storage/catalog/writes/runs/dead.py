"""Cleans up after killed processes: runs in state running, and cells in state generating."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from storage.catalog.claims import abandoned, gone_among
from storage.catalog.database.sql import chunks, instant
from storage.catalog.records import DeadRun
from storage.catalog.schema import Cell, Run
from storage.catalog.writes.lineage import record_events
from storage.catalog.writes.runs.cells import release_abandoned
from storage.catalog.writes.runs.run import states_of

REASON = "the process that ran it has died; run the same spec again to generate what is missing"


def close_crashed_runs(s: Session, silent_seconds: float) -> Sequence[DeadRun]:
    """Close the runs of dead processes as "crashed", and release their cells.

    A process is dead if it ran on this machine and has ended, or if it has sent no heartbeat for `silent_seconds`. One
    that was only disconnected closes its run itself when it ends. Returns the runs closed now.
    """
    runs = s.execute(select(Run.id, Run.flow_run_id).where(_dead(s, silent_seconds))).all()
    closed: list[DeadRun] = []
    for part in chunks([run.id for run in runs]):
        change = update(Run).where(Run.id.in_(part), Run.state == "running")
        ended = change.values(state="crashed", finished_at=instant(s), reason=REASON).returning(Run.id)
        ids = set(s.scalars(ended, execution_options={"synchronize_session": False}))
        for run_id in ids:
            s.execute(update(Run).where(Run.id == run_id).values(ended_with=states_of(s, run_id)))
        closed += [DeadRun(run.id, run.flow_run_id) for run in runs if run.id in ids]
    record_events(s, "run", [run.id for run in closed], "found dead")
    release_abandoned(s)
    return closed


def has_crashed_runs(s: Session, silent_seconds: float) -> bool:
    """Return whether `close_crashed_runs` has anything to do, without writing."""
    return bool(
        s.scalar(select(Run.id).where(_dead(s, silent_seconds)).limit(1))
        or s.scalar(select(Cell.id).where(abandoned(s, instant(s))).limit(1))
    )


def _dead(s: Session, silent_seconds: float) -> ColumnElement[bool]:
    owners = s.scalars(select(Run.owner).where(Run.state == "running", Run.owner.is_not(None)).distinct())
    before = instant(s) - timedelta(seconds=silent_seconds)
    return and_(
        Run.state == "running",
        or_(Run.owner.in_(gone_among(owners)), func.coalesce(Run.seen_at, Run.started_at) < before),
    )
