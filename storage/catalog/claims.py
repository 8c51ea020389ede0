"""Which cells may be claimed: what is not made, and what nobody makes any more."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from storage.catalog.owners import is_gone
from storage.catalog.records import MAX_FAILURES
from storage.catalog.schema import Cell


def claimable(s: Session, at: datetime) -> ColumnElement[bool]:
    """That a cell may be claimed at the instant `at`, see claim_cells."""
    again = and_(Cell.state == "failed", Cell.failures < MAX_FAILURES)
    return or_(Cell.state.in_(("planned", "lost")), again, abandoned(s, at))


def abandoned(s: Session, at: datetime) -> ColumnElement[bool]:
    """That a cell is said to be generating, and its lease ran out by `at` or its holder is gone from this machine."""
    holders = s.scalars(select(Cell.owner).where(Cell.state == "generating").distinct())
    gone = [holder for holder in holders if holder is not None and is_gone(holder)]
    return and_(Cell.state == "generating", or_(Cell.lease_expires_at <= at, Cell.owner.in_(gone)))
