"""What runs have spent: device-seconds by kind of work and class of device."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records, instant
from storage.catalog.records import WorkKind
from storage.catalog.schema import WorkSession


@dataclass(frozen=True)
class Spent:
    """Work of one kind on one class of devices. `device_seconds` includes `model_load_seconds`; `items` as in the
    schema."""

    kind: WorkKind
    device: str
    device_seconds: float
    model_load_seconds: float
    items: int
    failures: int


def spending(s: Session, run_id: str) -> list[Spent]:
    """List what the workers of the run have spent, also on attempts that failed; killed ones up to their last beat.

    An empty list for a run from before this was recorded.
    """
    sums = (WorkSession.device_seconds, WorkSession.model_load_seconds, WorkSession.items, WorkSession.failures)
    rows = select(WorkSession.kind, WorkSession.device, *(func.sum(one).label(one.key) for one in sums))
    rows = rows.where(WorkSession.run_id == run_id).group_by(WorkSession.kind, WorkSession.device)
    return as_records(Spent, s.execute(rows.order_by(WorkSession.kind, WorkSession.device)))


@dataclass(frozen=True)
class SessionView:
    """A work session; fields as in the schema. `alive`: at work now."""

    id: str
    run_id: str | None
    kind: WorkKind
    device: str
    seen_at: datetime
    device_seconds: float
    items: int
    failures: int
    leases_lost: int
    uploads_waiting: int
    model_loads: int
    model_load_seconds: float
    alive: bool


def sessions_since(s: Session, since: datetime | None, *, silent_seconds: float) -> tuple[datetime, list[SessionView]]:
    """Return the database's time, and the sessions that were recorded at `since` or later; None: all.

    One that was not seen for `silent_seconds` has died.
    """
    at = instant(s)
    names = [name for name in SessionView.__dataclass_fields__ if name != "alive"]
    columns = [getattr(WorkSession, name) for name in names]
    rows = select(*columns, WorkSession.ended_at)
    if since is not None:
        rows = rows.where(WorkSession.seen_at >= since)
    heard = at - timedelta(seconds=silent_seconds)
    found = []
    for row in s.execute(rows.order_by(WorkSession.seen_at)):
        about = dict(row._mapping)
        alive = about.pop("ended_at") is None and row.seen_at >= heard
        found.append(SessionView(**about, alive=alive))
    return at, found
