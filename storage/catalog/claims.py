"""Leases on cells and fine-tunings: who leases a row, for how long, and when another may claim it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, literal_column, not_, or_, select
from sqlalchemy.orm import Session

from storage.catalog.owners import is_gone, this_host
from storage.catalog.records import MAX_FAILURES
from storage.catalog.schema import Cell, Training, WorkerRow

RELEASED: dict[str, Any] = {"owner": None, "lease_expires_at": None}
"""The columns of an unleased row."""
MAX_ERROR_LENGTH = 4000  # characters; the whole log belongs to the orchestrator


def leased(owner: str, at: datetime, lease_seconds: float) -> dict[str, Any]:
    """Build the columns of a row leased by `owner` for `lease_seconds` from the database time `at`."""
    return {"owner": owner, "lease_expires_at": at + timedelta(seconds=lease_seconds)}


def expired(at: datetime, holders: Iterable[str | None]) -> ColumnElement[bool]:
    """Build the condition that a leased fine-tuning is abandoned.

    Its lease expired by `at`, or its holder, one of `holders`, was a process of this machine that has died.
    """
    return or_(Training.lease_expires_at <= at, Training.owner.in_(gone_among(holders)))


def gone_among(holders: Iterable[str | None]) -> list[str]:
    """List the holders that were processes of this machine and have died."""
    return [one for one in holders if one is not None and is_gone(one)]


def claimable(s: Session, at: datetime) -> ColumnElement[bool]:
    """Build the condition that a cell may be claimed at the instant `at`, see claim_cells."""
    return or_(Cell.state.in_(("planned", "lost")), failed_before(), abandoned(s, at))


def is_open() -> ColumnElement[bool]:
    """Build the condition that a cell is not generated, with a literal: so an index holds such cells alone."""
    return Cell.state != literal_column("'generated'")


def failed_before() -> ColumnElement[bool]:
    """Build the condition that a cell failed, but may be claimed again."""
    return and_(Cell.state == "failed", Cell.failures < MAX_FAILURES)


def abandoned(s: Session, at: datetime) -> ColumnElement[bool]:
    """Build the condition that a cell is in state generating, but its worker is gone by `at`.

    Its lease and that of its worker have expired, or the worker was a process of this machine that has died.
    """
    here = select(WorkerRow.owner).where(WorkerRow.owner.startswith(f"{this_host()}:", autoescape=True))
    at_work = select(WorkerRow.owner).where(WorkerRow.owner == Cell.owner, alive(at)).exists()
    silent = and_(Cell.lease_expires_at <= at, not_(at_work))
    return and_(Cell.state == "generating", or_(silent, Cell.owner.in_(gone_among(s.scalars(here)))))


def alive(at: datetime) -> ColumnElement[bool]:
    """Build the condition that a worker's lease has not expired by `at`."""
    return WorkerRow.lease_expires_at > at
