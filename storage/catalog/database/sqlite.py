"""SQLite as a shared catalog: WAL, one writer at a time with BEGIN IMMEDIATE, read-only reads.

Python's driver would begin a transaction only at the first INSERT, after the SELECT it depends on: two processes could
then claim the same cell. So the driver's own transactions are disabled, and each begins here, before its first
statement.
"""

import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from storage.atomic_renames import JOURNAL, undo_interrupted
from storage.catalog.database.sqlite_read_only import connect_read_only, is_read_only, refuse_writing
from storage.catalog.records import CatalogError

BUSY_SECONDS = 60.0  # a writer waits this long for the others; each holds the lock for milliseconds
CACHE_KIB = 64 * 1024  # page cache of a connection; SQLite's default of 2 MiB is too small for a million rows
WRITES = "storage_writes"  # the execution option that selects BEGIN IMMEDIATE


def sqlite_engine(url: URL, *, foreign_keys: bool) -> Engine:
    """Create an engine for the file, and its folder if needed. `foreign_keys` is off only for migrations.

    A file that cannot be written is opened read-only; transactions that write raise CatalogReadOnlyError.
    """
    file = Path(str(url.database))
    undo_interrupted(file.with_name(JOURNAL))  # of a restore
    if is_read_only(file):
        return _reading_engine(url, file)
    file.parent.mkdir(parents=True, exist_ok=True)
    arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")  # a commit that was acknowledged survives a power cut
        connection.execute(f"PRAGMA foreign_keys={int(foreign_keys)}")
        connection.execute(f"PRAGMA cache_size={-CACHE_KIB}")

    @event.listens_for(engine, "begin")
    def _begins(connection: Connection) -> None:
        writes = bool(connection.get_execution_options().get(WRITES))
        connection.exec_driver_sql(f"PRAGMA query_only={int(not writes)}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _reading_engine(url: URL, file: Path) -> Engine:
    # no pool: another machine may write meanwhile, and each connection checks again how the file can be read
    engine = create_engine(
        url, creator=lambda: connect_read_only(file, BUSY_SECONDS), poolclass=NullPool, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA query_only=1")

    @event.listens_for(engine, "begin")
    def _begins(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITES):
            raise refuse_writing(file)
        connection.exec_driver_sql("BEGIN")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL, waiting for other connections, as the switch ignores the busy timeout."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise CatalogError(f"the catalog's disk does not support WAL (journal mode {mode}); use a local disk")
        return
