"""A catalog with thousands of outputs on either database, and how the database goes about what is asked of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from storage.catalog import Catalog, writes
from storage.catalog.bench import fill

OUTPUTS, PER_SUBJECT = 20_000, 100


@contextmanager
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[Catalog]:
    """20,000 outputs of 200 subjects in 10 runs, in the database `name` of the kind that `request.param` says."""
    url = f"sqlite:///{tmp_path_factory.mktemp(name)}/catalog.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").format(name)
        with psycopg.connect(request.getfixturevalue("postgres").format("postgres"), autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name} TEMPLATE empty")
    with Catalog.open(url) as catalog:
        fill(catalog, OUTPUTS, per_subject=PER_SUBJECT)
        yield catalog


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """20,000 outputs of 200 subjects in 10 runs, three of them reviewed by ann; no test changes them."""
    with filled(request, tmp_path_factory, "large") as catalog:
        with catalog.write() as s:
            user = writes.add_user(s, name="ann", role="admin", actor="setup")
            writes.add_queue(s, user_id=user, title="all", filter={}, output_ids=[1, 2])
            for i in (5, 6, 7):
                writes.add_review(s, uuid=f"u{i}", output_id=i, revision=1, reviewer="ann", decision="rejected")
        yield catalog


def explained(s: Session, ask: Callable[[], Any], without: Sequence[str]) -> list[str]:
    """How the database goes about each statement that `ask` sends; PostgreSQL without the ways `without`."""
    sent: list[tuple[str, Any]] = []
    connection = s.connection()

    def heard(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", heard)
    ask()
    event.remove(connection, "before_cursor_execute", heard)
    if connection.dialect.name == "postgresql":
        for way in without:
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    return ["\n".join(str(row) for row in connection.exec_driver_sql(explain + one[0], one[1])) for one in sent]
