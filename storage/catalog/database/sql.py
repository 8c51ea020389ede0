"""Small helpers that both of the catalog's databases understand."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Row, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.catalog.database.base import Base, now

CHUNK = (
    500  # values in one IN (...): far below SQLite's limit on bound parameters, large enough to amortise a statement
)
T = TypeVar("T")


def insert_into(s: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """Build an INSERT with `on_conflict_do_...`, in the dialect of the session's database."""
    return postgresql.insert(table) if s.get_bind().dialect.name == "postgresql" else sqlite.insert(table)


def instant(s: Session) -> datetime:
    """Return the current time by the database's clock, if any: workers' clocks may differ by more than a lease."""
    if s.get_bind().dialect.name != "postgresql":
        return now()  # one machine, one clock
    at: datetime = s.scalars(select(func.clock_timestamp())).one()
    return at.astimezone(UTC)


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield the distinct `values` in order, CHUNK at a time."""
    unique = list(dict.fromkeys(values))
    for start in range(0, len(unique), CHUNK):
        yield unique[start : start + CHUNK]


def as_records(kind: type[T], rows: Iterable[Row[*tuple[Any, ...]]]) -> list[T]:
    """Build a record of `kind` from each row. A column goes to the field of its name or label."""
    return [kind(**row._mapping) for row in rows]
