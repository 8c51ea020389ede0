"""Turns an exception into one sentence that names the cause and the remedy: never SQL or a traceback.

Libraries wrap errors of the disk, the database and the network in their own. So the chain of causes is searched for the
underlying fault; if it is not one of the infrastructure, the error's own message is used.
"""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from deploy.cli import database_error_message
from deploy.cli.missing_extra import missing_extra
from flows.settings import Settings, SettingsError
from flows.spec.problems import InputError, SubjectError
from storage.redaction import redact_text

FEW_BYTES = 2 * 1024 * 1024
"""With fewer bytes free, an otherwise unexplained failure is blamed on the disk: Prefect needs 1.3 MB to start."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EROFS, errno.EACCES, errno.EPERM)
_OURS = (AttributeError, ImportError, LookupError, NameError, TypeError)  # mistakes in the program
_OWN = (
    *(
        "CatalogError",
        "StoreError",
        "SourceError",
        "BackupError",
        "SubmitError",
        "NotDeployedError",
        "WeightsMissingError",
    ),
    *("UnavailableError", "UnmetRequirementError", "PluginError", "KeysError", "ListenError"),
)


def sentence(error: BaseException, settings: Settings | None) -> str:
    """Return the message for the user of a command. `settings`: None if they could not be read."""
    return redact_text(_sentence(error, settings))


def is_bad_input(error: BaseException) -> bool:
    """Return whether the input has to change."""
    if _is(error, "IntakeError"):
        return not _is(error, "HubError")
    return (
        isinstance(error, InputError | SettingsError | SubjectError)
        or _is(error, "MarksError")
        or _is(error, "PurposeError")
        or _is(error, "SubmitError")
    )


def _sentence(error: BaseException, settings: Settings | None) -> str:
    if (
        is_bad_input(error)
        or _is(error, "HubError")
        or _is(error, "OutputLostError")
        or any(_is(one, "SourceError") for one in chain(error))
    ):
        return str(error)
    home = settings.home if settings is not None else Path(os.environ.get("DREAMTUNER_HOME") or ".dreamtuner")
    for one in chain(error):
        found = _of_infrastructure(one, home, settings)
        if found is not None:
            return found
    if isinstance(error, Exception) and any(_is(error, name) for name in _OWN):
        return str(error)
    if _free(home) < FEW_BYTES and not isinstance(error, _OURS):
        return full(home, home)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror[0].lower()}{error.strerror[1:]}; correct the path or its permissions"
    if isinstance(error, OSError):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, down to the first, including the driver errors that SQLAlchemy wraps."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        driver = getattr(at, "orig", None)  # SQLAlchemy's errors hold their driver's
        if isinstance(driver, BaseException) and id(driver) not in seen:
            seen.add(id(driver))
            yield driver
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)


def _of_infrastructure(error: BaseException, home: Path, settings: Settings | None) -> str | None:
    """Return the message for a fault of disk, memory, database or network, or a missing extra; else None."""
    if (missing := missing_extra(error)) is not None:
        return missing
    if isinstance(error, MemoryError) or _is(error, "OutOfMemoryError"):
        return "out of memory; close other programs, or generate smaller images; finished images are kept"
    if isinstance(error, OSError) and error.errno in _FULL:
        return full(Path(error.filename) if isinstance(error.filename, str) else home, home)
    if isinstance(error, OSError) and error.errno in _DENIED and isinstance(error.filename, str):
        path = Path(error.filename).absolute()
        if path == home or home in path.parents:
            return denied(home, read_only=error.errno == errno.EROFS)
    if isinstance(error, sqlite3.Error):
        file = settings.catalog_file if settings is not None else None
        return database_error_message.of_sqlite(
            error, file or home / "catalog.db", home, full=full, denied=denied, free=_free
        )
    if type(error).__module__.startswith("psycopg"):
        return database_error_message.of_postgres(error, settings.catalog_url if settings is not None else "")
    if _is(error, "HTTPError") and type(error).__module__.startswith("httpx"):
        return _of_prefect(error)
    if _is(error, "PrefectServerError"):
        return full(home, home) if _free(home) < FEW_BYTES else str(error)
    return None


def full(path: Path, home: Path) -> str:
    """Return the message for a full disk; `path` is on it."""
    path = path.absolute()
    ours = path == home or home in path.parents
    what = f"the disk of DREAMTUNER_HOME ({home})" if ours else f"the disk of {path}"
    free = _free(path) / 1e6
    return (
        f"{what} is full ({free:.1f} MB free); free some space and run the same command again; finished images are kept"
    )


def denied(home: Path, *, read_only: bool) -> str:
    """Return the message for a data folder that cannot be written."""
    if read_only or _mounted_read_only(home):
        return (
            f"the data folder {home} is on a disk that is mounted read-only; remount it for writing, or set "
            "DREAMTUNER_HOME to a folder that can be written"
        )
    return (
        f"the data folder {home} is read-only for this user; change its owner or permissions, or set DREAMTUNER_HOME "
        "to a folder that can be written"
    )


def _of_prefect(error: BaseException) -> str | None:
    api = os.environ.get("PREFECT_API_URL")
    status = getattr(getattr(error, "response", None), "status_code", None)
    if api is None or (status is not None and status < 400):
        return None
    if status in (401, 403):
        return f"the Prefect server at {api} rejected the credentials ({status}); correct PREFECT_API_KEY"
    if status is not None and status < 500:
        return None
    what = f"answered {status}" if status else f"does not answer ({type(error).__name__})"
    return f"the Prefect server at {api} {what}; check that it is running, then run the same command again"


def _is(error: BaseException, name: str) -> bool:
    """Compare by name: importing the classes would load libraries that take seconds."""
    return any(kind.__name__ == name for kind in type(error).__mro__)


def _free(path: Path) -> int:
    """Return the free bytes on the disk of `path`, which need not exist."""
    for folder in (path, *path.parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return FEW_BYTES


def _mounted_read_only(home: Path) -> bool:
    for folder in (home, *home.parents):
        try:
            return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
        except OSError:
            continue
    return False
