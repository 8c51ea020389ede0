"""A SQLite catalog that can only be read: on a read-only disk, a snapshot, or without the right to write.

SQLite keeps a log (-wal) and its index (-shm) beside the file and wants to write both, even to read. Where it cannot:
without a log the file is whole, and is opened as `immutable`; with log and index it can follow them as they are; with a
log alone, left by a killed process, file and log are copied to where the log can be played back.
"""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from storage.catalog.records import CatalogError


def is_read_only(file: Path) -> bool:
    """Whether the catalog is there and this process cannot write it, or not what SQLite keeps beside it."""
    return file.is_file() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def connect_read_only(file: Path, timeout: float) -> sqlite3.Connection:
    """A connection that reads the catalog as it is now."""
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
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # plays the log; names are needed no more
        return connection


def refuse_writing(file: Path) -> CatalogError:
    """The error for a transaction that would write."""
    return CatalogReadOnlyError(
        f"the catalog {file} is read-only here, and this would write into it; make it and its folder writable, or set "
        "DREAMTUNER_HOME to another"
    )


class CatalogReadOnlyError(CatalogError):
    """The catalog can be read and not written."""


def _opened(file: Path, how: str, timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True, timeout=timeout, check_same_thread=False)
