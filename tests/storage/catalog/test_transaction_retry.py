import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from storage.catalog import Catalog, views, writes
from storage.catalog.database.transaction_retry import is_transient, retrying

sqlite_only = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
postgres_only = pytest.mark.parametrize("kind", ["postgres"], indirect=True)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    return error


def raised(cause: Exception, kind: type[DBAPIError] = OperationalError) -> DBAPIError:
    return kind("SELECT 1", None, cause)


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (raised(sqlite_error(sqlite3.SQLITE_BUSY)), True),
        (raised(sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT)), True),
        (raised(sqlite_error(sqlite3.SQLITE_FULL)), False),
        (raised(sqlite_error(sqlite3.SQLITE_ERROR)), False),
        (raised(psycopg.errors.SerializationFailure()), True),
        (raised(psycopg.errors.DeadlockDetected()), True),
        (raised(psycopg.errors.AdminShutdown()), True),
        (raised(psycopg.errors.ConnectionFailure()), True),
        (raised(psycopg.OperationalError("connection refused")), True),
        (raised(psycopg.OperationalError("FATAL:  the database system is starting up")), True),
        (raised(psycopg.OperationalError('FATAL:  database "x" does not exist')), False),
        (raised(psycopg.OperationalError('FATAL:  password authentication failed for user "u"')), False),
        (raised(psycopg.errors.DiskFull()), False),
        (raised(psycopg.errors.UndefinedColumn(), ProgrammingError), False),
        (raised(psycopg.errors.UniqueViolation(), IntegrityError), False),
        (ValueError("x"), False),
    ],
)
def test_only_what_may_succeed_next_time_is_transient(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


def test_it_waits_longer_each_time_and_not_for_ever() -> None:
    pauses: list[float] = []
    errors = [raised(sqlite_error(sqlite3.SQLITE_BUSY))] * 4

    def work() -> str:
        if errors:
            raise errors.pop()
        return "done"

    assert retrying(work, sleep=pauses.append) == "done"
    assert all(0.05 * 2**i / 2 <= pause <= 0.05 * 2**i for i, pause in enumerate(pauses))
    assert len(pauses) == 4
    errors = [raised(sqlite_error(sqlite3.SQLITE_BUSY))] * 4
    with pytest.raises(OperationalError):
        retrying(work, patience=0.2, sleep=pauses.append)


def test_a_mistake_of_ours_is_raised_at_once(catalog: Catalog) -> None:
    calls = []

    def work(s: Session) -> None:
        calls.append(1)
        s.execute(text("SELECT no_such_column FROM cells"))

    with pytest.raises(DBAPIError, match="no_such_column"):
        catalog.transact(work)
    assert len(calls) == 1


@sqlite_only
def test_a_locked_catalog_is_waited_for(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(str(make_url(str(catalog.url)).database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            other.execute("ROLLBACK")

    monkeypatch.setattr("time.sleep", sleep)
    with catalog.read() as s:
        assert views.status(s).subjects == 0  # readers do not mind
    monkeypatch.setattr("storage.catalog.database.sqlite.BUSY_SECONDS", 0.01)
    with Catalog.open(catalog.url.render_as_string()) as impatient:
        monkeypatch.setattr("storage.catalog.catalog.retrying", lambda work: retrying(work, sleep=sleep))
        with impatient.write() as s:
            writes.add_subject(s, name="pip", class_word="bear", style="natural")
    assert len(pauses) == 2
    other.close()


@postgres_only
def test_a_connection_that_is_cut_is_made_again(catalog: Catalog, postgres: str) -> None:
    cut: list[int] = []

    def work(s: Session) -> int:
        pid: int = s.scalars(text("SELECT pg_backend_pid()")).one()
        if len(cut) < 2:
            cut.append(pid)
            with psycopg.connect(postgres.format("postgres"), autocommit=True) as server:
                server.execute("SELECT pg_terminate_backend(%s)", [pid])
        return writes.add_subject(s, name="pip", class_word="bear", style="natural")

    assert catalog.transact(work)
    assert len(cut) == 2
    with catalog.read() as s:
        assert views.status(s).subjects == 1


@postgres_only
@pytest.mark.slow
def test_two_that_wait_for_each_other_both_succeed(catalog: Catalog, planned: Callable[..., Any], url: str) -> None:
    """A deadlock, made on purpose: PostgreSQL ends one of the two, which begins again."""
    from threading import Barrier, BrokenBarrierError, Thread

    first, second = planned(2).digests
    both = Barrier(2, timeout=5)

    def work(digests: tuple[str, str]) -> None:
        def change(s: Session) -> None:
            for digest in digests:
                s.execute(text("UPDATE cells SET attempts = attempts + 1 WHERE digest = :d"), {"d": digest})
                with suppress(BrokenBarrierError):
                    both.wait()

        catalog.transact(change)

    threads = [Thread(target=work, args=(order,)) for order in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with catalog.read() as s:
        assert [views.cell(s, digest).attempts for digest in (first, second)] == [2, 2]
