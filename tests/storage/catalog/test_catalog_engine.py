import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from storage.catalog import Catalog, views, writes
from storage.catalog.records import CatalogError

sqlite_only = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def add(catalog: Catalog, name: str) -> int:
    with catalog.write() as s:
        return writes.add_subject(s, name=name, class_word="bear", style="natural")


def subjects(catalog: Catalog) -> int:
    with catalog.read() as s:
        return views.status(s).subjects


def test_what_is_written_is_there_after_reopening(url: str) -> None:
    with Catalog.open(url) as catalog:
        add(catalog, "pip")
    with Catalog.open(url) as catalog:
        assert subjects(catalog) == 1


def test_what_a_thread_still_uses_when_a_catalog_is_closed_is_closed_after_it(url: str) -> None:
    catalog = Catalog.open(url)
    with catalog.read() as s:
        connection = s.connection().connection.dbapi_connection
        catalog.close()
        assert views.status(s).subjects == 0, "it is not cut off"
    assert connection is not None
    with pytest.raises(Exception, match="closed"):
        connection.cursor().execute("SELECT 1")
    assert subjects(catalog) == 0, "who comes after that is served, and leaves nothing open"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_rolls_all_back_and_passes_through(catalog: Catalog, error: type[BaseException]) -> None:
    add(catalog, "pip")

    def interrupted() -> None:
        with catalog.write() as s:
            writes.add_subject(s, name="pop", class_word="bear", style="natural")
            raise error

    with pytest.raises(error):
        interrupted()
    assert subjects(catalog) == 1
    add(catalog, "pop")
    assert subjects(catalog) == 2


def test_a_reader_cannot_write(catalog: Catalog) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"), catalog.read() as s:
        writes.add_subject(s, name="pip", class_word="bear", style="natural")
    assert add(catalog, "pip")  # and its connection, pooled, can again


def test_a_reader_sees_one_snapshot_and_never_waits(catalog: Catalog) -> None:
    with catalog.read() as reader:
        assert views.status(reader).subjects == 0
        add(catalog, "pip")
        assert views.status(reader).subjects == 0
    with catalog.write() as s:
        writes.add_subject(s, name="pop", class_word="bear", style="natural")
        assert subjects(catalog) == 1  # not blocked, and no dirty read
    assert subjects(catalog) == 2


def test_a_new_file_is_made_with_its_folder(tmp_path: Path) -> None:
    with Catalog.open(f"sqlite:///{tmp_path}/new folder/catalog.db") as catalog:
        assert subjects(catalog) == 0


@sqlite_only
def test_a_writer_holds_the_lock_from_its_beginning(catalog: Catalog, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "catalog.db", timeout=0, isolation_level=None)
    with catalog.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_writers_in_threads_take_turns(catalog: Catalog) -> None:
    def work(worker: int) -> None:
        for i in range(10):
            add(catalog, f"{worker}-{i}")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert subjects(catalog) == 40


@sqlite_only
def test_the_file_is_durable(catalog: Catalog) -> None:
    with catalog.read() as s:
        pragmas = [s.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert pragmas == ["wal", 2, 1]


def test_links_are_checked(catalog: Catalog) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), catalog.write() as s:
        s.execute(text("INSERT INTO run_cells (run_id, cell_id, position) VALUES ('x', 1, 0)"))


@pytest.mark.parametrize(
    "wrong", ["catalog.db", "mysql://u:secret@h/db", "postgresql://u:secret@h", "sqlite://", "sqlite:///:memory:", ""]
)
def test_a_url_that_cannot_be_a_catalog_is_refused(wrong: str) -> None:
    with pytest.raises(CatalogError, match=r"sqlite:///path/to/catalog\.db or postgresql://") as caught:
        Catalog.open(wrong)
    assert "secret" not in str(caught.value)


def test_a_server_that_cannot_be_used_is_named_without_its_password(new_database: Callable[[str], str]) -> None:
    absent = make_url(new_database("empty")).set(database="nowhere", password="secret")
    nobody = "postgresql://u:secret@127.0.0.1:1/db"
    for url in (absent.render_as_string(hide_password=False), nobody):
        with pytest.raises(CatalogError, match="start the server, create the database, or correct") as caught:
            Catalog.open(url)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def test_processes_that_open_a_new_catalog_at_once_all_succeed(
    empty_url: str, python: Callable[..., Popen[str]]
) -> None:
    code = """
import sys
from storage.catalog import Catalog, writes
import storage.catalog.migrate, alembic.command
print("ready", flush=True); sys.stdin.readline()
with Catalog.open(sys.argv[1]) as catalog, catalog.write() as s:
    writes.add_subject(s, name=sys.argv[2], class_word="bear", style="natural")
"""
    url = empty_url
    workers = [python(code, [url, i]) for i in range(3)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.communicate("go\n", timeout=60)
    assert [worker.returncode for worker in workers] == [0] * 3
    with Catalog.open(url) as catalog:
        assert subjects(catalog) == 3
