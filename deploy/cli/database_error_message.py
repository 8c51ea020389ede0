"""Turns database errors into one sentence that names the cause and the remedy."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from storage.redaction import redact_url


class Denied(Protocol):
    """Returns the message for a data folder that cannot be written."""

    def __call__(self, home: Path, *, read_only: bool) -> str: ...


def of_sqlite(
    error: sqlite3.Error,
    file: Path,
    home: Path,
    *,
    full: Callable[[Path, Path], str],
    denied: Denied,
    free: Callable[[Path], int],
) -> str:
    """Return the message for an error of a SQLite catalog."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and free(file) < 1_000_000):
        return full(file, home)
    writable = os.access(file.parent, os.W_OK) and (not file.exists() or os.access(file, os.W_OK))
    if code == sqlite3.SQLITE_READONLY or (code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM) and not writable):
        return denied(file.parent, read_only=False)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return (
            f"the catalog file {file} is damaged or not a catalog ({error}); restore a backup with "
            "`dreamtuner restore --force`, or set DREAMTUNER_CATALOG_URL or DREAMTUNER_HOME to another"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another process holds a lock on the catalog {file}; end it, or wait, and run the same command again"
    return f"the catalog file {file} cannot be used ({error}); check its disk and its permissions"


def of_postgres(error: BaseException, url: str) -> str:
    """Return the message for an error of a PostgreSQL catalog."""
    where, state = f"the catalog's database {redact_url(url)}", getattr(error, "sqlstate", None) or ""
    text = next(iter(str(error).splitlines()), type(error).__name__)
    if "NUL" in text or state == "22021":
        return f"a text holds a NUL character, which {where} cannot store; remove it and run the same command again"
    match state:
        case "42501":
            remedy = "GRANT it, or name a user that has it in DREAMTUNER_CATALOG_URL"
            return f"{where}: its user lacks a right ({text}); {remedy}"
        case "25006":
            return f"{where} is read-only (a standby, or set so); name its primary in DREAMTUNER_CATALOG_URL"
        case "53100":
            return f"{where}: its server's disk is full; free some space there and run the same command again"
        case "53200":
            return f"{where}: its server is out of memory; run the same command again when it is less busy"
        case "53300":
            return f"{where} accepts no more connections; close other clients, or raise max_connections"
        case "42P01" | "42703" | "3F000":
            return f"{where} is not a catalog of this version ({text}); name another in DREAMTUNER_CATALOG_URL"
        case "28000" | "28P01" | "3D000":
            return f"{where} cannot be opened ({text}); correct the user, password or name in DREAMTUNER_CATALOG_URL"
    if not state or state.startswith(("08", "57P")):
        remedy = "start its server, or correct DREAMTUNER_CATALOG_URL; finished images are kept"
        return f"{where} does not answer ({text}); {remedy}"
    return f"{where} rejected a request ({text}, SQLSTATE {state}); finished images are kept"
