"""What a database said, in a sentence that is true and says what to do."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from storage.redaction import redact_url


class Denied(Protocol):
    """The sentence for a data folder that cannot be written."""

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
    """The sentence for an error of a catalog that is a file."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and free(file) < 1_000_000):
        return full(file, home)
    writable = os.access(file.parent, os.W_OK) and (not file.exists() or os.access(file, os.W_OK))
    if code == sqlite3.SQLITE_READONLY or (code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM) and not writable):
        return denied(file.parent, read_only=False)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return (
            f"the catalog file {file} is damaged, or is no catalog ({error}); put a backup in its place with "
            "`dreamtuner restore --force`, or set DREAMTUNER_CATALOG_URL or DREAMTUNER_HOME to another"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another process keeps the catalog {file} locked; end it, or wait, and run the same command again"
    return f"the catalog file {file} cannot be used ({error}); check its disk and its permissions"


def of_postgres(error: BaseException, url: str) -> str:
    """The sentence for an error of a catalog that is a PostgreSQL server."""
    where, state = f"the catalog's database {redact_url(url)}", getattr(error, "sqlstate", None) or ""
    said = next(iter(str(error).splitlines()), type(error).__name__)
    if "NUL" in said or state == "22021":
        return f"a text holds a NUL character, which {where} cannot store; remove it and run the same command again"
    match state:
        case "42501":
            remedy = "GRANT it, or name a user that has it in DREAMTUNER_CATALOG_URL"
            return f"{where}: its user lacks a right ({said}); {remedy}"
        case "25006":
            return f"{where} is read-only (a standby, or set so); name its primary in DREAMTUNER_CATALOG_URL"
        case "53100":
            return f"{where}: its server's disk is full; free some space there and run the same command again"
        case "53200":
            return f"{where}: its server is out of memory; run the same command again when it is less busy"
        case "53300":
            return f"{where} takes no more connections; end other clients, or raise max_connections"
        case "42P01" | "42703" | "3F000":
            return f"{where} is no catalog of this version ({said}); name another in DREAMTUNER_CATALOG_URL"
        case "28000" | "28P01" | "3D000":
            return f"{where} cannot be opened ({said}); correct the user, password or name in DREAMTUNER_CATALOG_URL"
    if not state or state.startswith(("08", "57P")):
        remedy = "start its server, or correct DREAMTUNER_CATALOG_URL; finished images are kept"
        return f"{where} does not answer ({said}); {remedy}"
    return f"{where} refused a request ({said}, SQLSTATE {state}); what is made is kept"
