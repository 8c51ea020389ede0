"""A SQLite catalog that can only be read: on a read-only disk, a snapshot, or without write permission.

SQLite has a log (-wal) and its index (-shm) beside the file and writes both, even to read. If it cannot: without a log
the file is complete and is opened as `immutable`; with log and index it is opened with mode=ro; with only a log, left
by a killed process, file and log are copied to a place where the log can be replayed.
"""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from storage.catalog.records import CatalogError


def is_read_only(file: Path) -> bool:
    """Return whether the catalog exists and this process cannot write it or the files beside it."""
    return file.is_file() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def connect_read_only(file: Path, timeout: float) -> sqlite3.Connection:
    """Open a connection that reads the current state of the catalog."""
    log, index = Path(f"{file}-wal"), Path(f"{file}-shm")
    if not log.exists() or not log.stat().st_size:
        return _opened(file, "immutable=1", timeout)
    if index.exists():
        return _opened(file, "mode=ro", timeout)
    with tempfile.TemporaryDirectory(prefix="dreamtuner-catalog-") as folder:
        copy = Path(folder, file.name)
        shutil.copyfile(file, copy)
        shutil.copyfile(log, f"{copy}-wal")
        connection = sqlite3.connect(copy, timeout=timeout, check_same_thread=False)
        connection.execute(
            "SELECT count(*) FROM sqlite_master"
        ).fetchone()  # replays the log; the files may be removed now
        return connection


def refuse_writing(file: Path) -> CatalogError:
    """Build the error for a transaction that would write."""
    return CatalogReadOnlyError(
        f"the catalog {file} is read-only, and this operation writes to it; make it and its folder writable, or set "
        "DREAMTUNER_HOME to another folder"
    )


class CatalogReadOnlyError(CatalogError):
    """The catalog is read-only."""


def _opened(file: Path, how: str, timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True, timeout=timeout, check_same_thread=False)
