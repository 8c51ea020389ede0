"""Numbers that were never given out: a row that was forgotten leaves none to the next."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into
from storage.catalog.schema import RetiredId


def retire_ids(s: Session, table: Any, ids: Iterable[int]) -> None:
    """Say that rows of these ids are gone for good."""
    last = max(ids, default=None)
    if last is None:
        return
    before = s.scalar(select(RetiredId.last_id).where(RetiredId.of == table.__tablename__)) or 0
    insert = insert_into(s, RetiredId).values(of=table.__tablename__, last_id=max(before, last))
    s.execute(insert.on_conflict_do_update(index_elements=[RetiredId.of], set_={"last_id": max(before, last)}))


def next_id(s: Session, table: Any) -> dict[str, int]:
    """{"id": ...} of the table's next row where the database would give an old number again; else nothing.

    PostgreSQL counts on by itself. SQLite takes the number behind the highest that is there, in the one transaction
    that writes.
    """
    if s.get_bind().dialect.name != "sqlite":
        return {}
    retired = s.scalar(select(RetiredId.last_id).where(RetiredId.of == table.__tablename__))
    if retired is None:
        return {}
    return {"id": max(retired, s.scalar(select(func.max(table.id))) or 0) + 1}
