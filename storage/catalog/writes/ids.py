"""Ids that were never used before: ids of forgotten rows are not reused."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into
from storage.catalog.schema import RetiredId


def retire_ids(s: Session, table: Any, ids: Iterable[int]) -> None:
    """Record that rows with these ids were permanently deleted."""
    last = max(ids, default=None)
    if last is None:
        return
    before = s.scalar(select(RetiredId.last_id).where(RetiredId.of == table.__tablename__)) or 0
    insert = insert_into(s, RetiredId).values(of=table.__tablename__, last_id=max(before, last))
    s.execute(insert.on_conflict_do_update(index_elements=[RetiredId.of], set_={"last_id": max(before, last)}))


def next_id(s: Session, table: Any) -> dict[str, int]:
    """Return {"id": ...} for the table's next row if the database would reuse an old id; else nothing.

    PostgreSQL never reuses ids. SQLite takes the highest existing id plus one.
    """
    if s.get_bind().dialect.name != "sqlite":
        return {}
    retired = s.scalar(select(RetiredId.last_id).where(RetiredId.of == table.__tablename__))
    if retired is None:
        return {}
    return {"id": max(retired, s.scalar(select(func.max(table.id))) or 0) + 1}
