"""Workers: processes that generate cells, each with one lease for all cells that it holds."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, not_, or_, select, update
from sqlalchemy.orm import Session

from storage.catalog.claims import alive, gone_among
from storage.catalog.database.sql import insert_into, instant
from storage.catalog.schema import Cell, WorkerRow


def enter_worker(
    s: Session, owner: str, at: datetime, lease_seconds: float, *, at_work: tuple[str, int | None] | None = None
) -> None:
    """Enter the worker, or renew its lease for `lease_seconds` from `at`.

    `at_work`: the run and the subject of the cells that it just claimed; None: as before.
    """
    news: dict[str, Any] = {"lease_expires_at": at + timedelta(seconds=lease_seconds)}
    if at_work is not None:
        news |= {"run_id": at_work[0], "subject_id": at_work[1]}
    insert = insert_into(s, WorkerRow).values({"owner": owner, "started_at": at} | news)
    s.execute(insert.on_conflict_do_update(index_elements=[WorkerRow.owner], set_=news))


def renew_worker(s: Session, owner: str, lease_seconds: float) -> bool:
    """Renew the lease of all cells of the worker, by one row.

    Returns False, and changes nothing, if it is not entered, or its lease has expired: others may have its cells.
    """
    at = instant(s)
    renewed = update(WorkerRow).where(WorkerRow.owner == owner, alive(at)).returning(WorkerRow.owner)
    renewed = renewed.values(lease_expires_at=at + timedelta(seconds=lease_seconds))
    return s.scalars(renewed, execution_options={"synchronize_session": False}).first() is not None


def leave_worker(s: Session, owner: str) -> None:
    """Remove the worker, which has ended. The leases of cells that it holds still are those of its claims."""
    s.execute(delete(WorkerRow).where(WorkerRow.owner == owner))


def forget_workers(s: Session) -> None:
    """Remove the workers that are gone and hold no cell."""
    at = instant(s)
    gone = or_(not_(alive(at)), WorkerRow.owner.in_(gone_among(s.scalars(select(WorkerRow.owner)))))
    holds = select(Cell.id).where(Cell.owner == WorkerRow.owner, Cell.state == "generating").exists()
    s.execute(delete(WorkerRow).where(gone, not_(holds)).execution_options(synchronize_session=False))
