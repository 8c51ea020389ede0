"""Errors as they come from disk, database and network, and what is said of them."""

import errno
import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from deploy.cli import error_message
from deploy.cli.error_message import is_bad_input, sentence
from flows.settings import Settings
from flows.spec.problems import InputError, Problem, SubjectError
from storage.catalog.records import CatalogError
from storage.objects import StoreError
from storage.sources import SourceError

HOME = Path("/nowhere/home")
URL = "postgresql://ann:hunter2hunter2@db.example/cat"


@pytest.fixture
def settings() -> Settings:
    return Settings.load({"DREAMTUNER_HOME": str(HOME)})


def raised(error: BaseException, *, by: BaseException | None = None) -> BaseException:
    """`error` as it is when it was raised from `by`."""
    error.__cause__ = by
    return error


def sqlite_error(code: int, message: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = code
    return error


def statement(error: Exception) -> OperationalError:
    """What SQLAlchemy makes of a driver's error."""
    return OperationalError("INSERT INTO cells VALUES (?)", {"a": "hunter2hunter2"}, error)


NO_SPACE = OSError(errno.ENOSPC, "No space left on device", str(HOME / "objects" / "x"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NO_SPACE, "the disk of DREAMTUNER_HOME (/nowhere/home) is full ("),
        (OSError(errno.ENOSPC, "No space left"), "the disk of DREAMTUNER_HOME (/nowhere/home) is full ("),
        (OSError(errno.EDQUOT, "Quota", "/elsewhere/x"), "the disk of /elsewhere/x is full ("),
        (raised(StoreError("object x could not be written"), by=NO_SPACE), "the disk of DREAMTUNER_HOME"),
        (statement(sqlite_error(sqlite3.SQLITE_FULL, "database or disk is full")), "the disk of DREAMTUNER_HOME"),
        (
            OSError(errno.EROFS, "Read-only", str(HOME / "logs")),
            "the data folder /nowhere/home is on a disk that is mounted read-only",
        ),
        (OSError(errno.EACCES, "Permission", str(HOME / "logs")), "read-only for this user; change its owner"),
        (statement(sqlite_error(sqlite3.SQLITE_READONLY, "attempt to write")), "the data folder /nowhere/home is read"),
        (statement(sqlite_error(sqlite3.SQLITE_CORRUPT, "malformed")), "is damaged or not a catalog (malformed)"),
        (statement(sqlite_error(sqlite3.SQLITE_NOTADB, "file is not a database")), "dreamtuner restore --force"),
        (
            statement(sqlite_error(sqlite3.SQLITE_BUSY, "database is locked")),
            "another process holds a lock on the catalog",
        ),
        (OSError(errno.EACCES, "Permission denied", "/elsewhere/x"), "/elsewhere/x: permission denied; correct the"),
        (MemoryError(), "out of memory"),
        (SubjectError("reference x: no such file"), "reference x: no such file"),
        (raised(SourceError("'x' cannot be read"), by=PermissionError(13, "denied", "/nowhere/home/x")), "'x' cannot"),
        (InputError("spec", [Problem(path=("a",), message="is missing")]), "spec: a: is missing"),
        (CatalogError("there is no run 7"), "there is no run 7"),
        (ValueError("odd\nthing"), "ValueError: odd thing"),
    ],
)
def test_what_is_said(error: BaseException, said: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_message, "_free", lambda path: 10**9)
    text = sentence(error, settings)
    assert said in text
    assert "INSERT" not in text
    assert "hunter2" not in text


def _postgres(state: str, message: str) -> psycopg.Error:
    kind = psycopg.errors.lookup(state) if state else psycopg.OperationalError
    return kind(message)


@pytest.mark.parametrize(
    ("state", "message", "said"),
    [
        ("42501", "permission denied for table cells\nLINE 1: SELECT", "its user lacks a right (permission denied for"),
        ("25006", "cannot execute INSERT in a read-only transaction", "is read-only (a standby"),
        ("53100", "could not extend file", "its server's disk is full"),
        ("28P01", "password authentication failed", "cannot be opened (password authentication failed)"),
        ("42P01", 'relation "cells" does not exist\nLINE 1: SELECT', "is not a catalog of this version"),
        ("22021", "invalid byte sequence", "a text holds a NUL character"),
        ("57P01", "terminating connection", "does not answer"),
        ("", "connection refused\nIs the server running?", "does not answer (connection refused)"),
        ("23505", "duplicate key\nDETAIL: Key (name)=(hunter2hunter2)", "rejected a request (duplicate key, SQLSTATE"),
    ],
)
def test_what_is_said_of_postgresql(
    state: str, message: str, said: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_message, "_free", lambda path: 10**9)
    there = settings.model_copy(update={"catalog_url": URL})
    text = sentence(ProgrammingError("SELECT 1", {}, _postgres(state, message)), there)
    assert said in text
    assert "the catalog's database postgresql://ann:***@db.example/cat" in text
    assert "LINE 1" not in text
    assert "hunter2" not in text


def test_a_failure_on_a_full_disk_is_put_down_to_it_and_a_mistake_of_ours_is_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_message, "_free", lambda path: 1000)
    assert "is full (0.0 MB free)" in sentence(RuntimeError("Prefect's server ended with code 3"), settings)
    assert sentence(AttributeError("no x"), settings) == "AttributeError: no x"


def test_bad_input_is_told_from_bad_luck() -> None:
    assert is_bad_input(InputError("spec", []))
    assert is_bad_input(SubjectError("x"))
    assert not is_bad_input(CatalogError("x"))
    assert not is_bad_input(OSError("x"))
