"""What runs have spent: device-seconds by kind of work and class of device."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records
from storage.catalog.records import WorkKind
from storage.catalog.schema import Run, WorkSession


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
class RunLimits:
    """What may stop a run: who asked to cancel it, and the budget of its spec, as it was written."""

    cancelled_by: str | None
    budget: Mapping[str, float | None] | None


def run_limits(s: Session, run_id: str) -> RunLimits:
    """Return what may stop the run; nothing stops one that is not in the catalog."""
    row = s.execute(select(Run.cancelled_by, Run.spec["budget"].label("budget")).where(Run.id == run_id)).first()
    return RunLimits(None, None) if row is None else RunLimits(row.cancelled_by, row.budget)
