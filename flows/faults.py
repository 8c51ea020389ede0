"""Whose fault an error is: the one place that tells a cell's own failure from an infrastructure fault.

A cell fails by what its recipe asks for, and by nothing else. A store, catalog, network, disk or memory that fails, a
worker without the right weights: none of these is a failure of the cell that met it.
"""

import errno
import sqlite3
import sys
from typing import Any, Literal

from PIL import UnidentifiedImageError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dreamtuner.models.weights import WeightsMissingError
from storage.catalog.database.transaction_retry import is_transient
from storage.catalog.records import CatalogError, NotInCatalogError
from storage.objects import ChecksumMismatchError, DigestMismatchError, ObjectMissingError, StoreError
from storage.redaction import redact_text

Fault = Literal["cell", "memory", "unavailable", "denied", "worker", "fatal"]
"""What to do about an error:

cell: it is the cell's own, and counts towards its failures;
memory: too much for the memory as it is; fewer at once may fit;
unavailable: store, catalog, network or disk fail at the moment; wait, and try again;
denied: they refuse us; wait where they served us before, for somebody is at work on them, otherwise give up;
worker: it cannot be done with what this worker has, such as other weights; the cell stays planned, others go on;
fatal: nothing can be done in this process any more; the run ends, its cells stay planned.
"""


class UnavailableError(RuntimeError):
    """What a run cannot do without did not come back in time; `__cause__` is what it said last."""


class UnmetRequirementError(RuntimeError):
    """What a cell needs is not on this worker, or not any more; the message names it and the remedy."""


_NO_MEMORY = {errno.ENOMEM}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_FOUND = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
_DEVICE_WORDS = ("CUDA error", "cuDNN error", "CUDA driver", "HIP error", "MPS backend")

# S3's answers: what passes, although it is said with a code that is meant for a mistake of the caller's
_PASSES = {"RequestTimeout", "RequestTimeTooSkewed", "ExpiredToken", "SlowDown", "Throttling", "OperationAborted"}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "NoRegionError"}

_SQLITE_UNAVAILABLE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL}
_SQLITE_UNAVAILABLE |= {sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT}
_SQLITE_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
# PostgreSQL's classes of SQLSTATEs: connection, resources (disk full among them), limits, intervention, the system
_POSTGRES_UNAVAILABLE = ("08", "53", "54", "57", "58")
_POSTGRES_DENIED = ("28", "42501", "25006", "3D")


def fault_of(error: BaseException) -> Fault:
    """Say whose fault `error` is, by its type, its code and what caused it."""
    if isinstance(error, UnmetRequirementError | WeightsMissingError | NotInCatalogError | ImportError):
        return "worker"
    if isinstance(error, UnavailableError):
        return "fatal"
    if isinstance(error, StoreError):
        return _of_store(error)
    if isinstance(error, SQLAlchemyError):
        return _of_database(error)
    if isinstance(error, CatalogError):
        return "fatal"
    if isinstance(error, MemoryError) or _is_torch(error, "OutOfMemoryError"):
        return "memory"
    if isinstance(error, OSError):
        return _of_system(error)
    return _of_device(error)


def one_line(error: BaseException) -> str:
    """What the error says, in one line: a database's own words without the statement it was given, and no secret."""
    words = redact_text(str(getattr(error, "orig", None) or error))
    return " ".join(words.split()) or type(error).__name__


def _of_store(error: StoreError) -> Fault:
    cause: Any = error.__cause__
    if isinstance(error, ChecksumMismatchError):
        return "unavailable"
    if isinstance(error, ObjectMissingError | DigestMismatchError):
        return "worker"
    if isinstance(cause, OSError):
        fault = _of_system(cause)
        return (
            fault if fault in ("denied", "memory") else "unavailable"
        )  # a folder that is not there may be mounted again
    if type(cause).__name__ in _NO_CREDENTIALS:
        return "denied"
    answer = getattr(cause, "response", None)
    if isinstance(answer, dict):  # botocore's ClientError
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        passes = status not in range(400, 500) or status in (408, 409, 425, 429)
        return "unavailable" if passes or answer.get("Error", {}).get("Code") in _PASSES else "denied"
    return "unavailable"


def _of_database(error: SQLAlchemyError) -> Fault:
    if isinstance(error, PoolTimeout) or is_transient(error):
        return "unavailable"
    if not isinstance(error, DBAPIError):
        return "fatal"
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return "unavailable" if code in _SQLITE_UNAVAILABLE else "denied" if code in _SQLITE_DENIED else "fatal"
    state = getattr(cause, "sqlstate", "")
    if state is None:  # no connection, and it was refused: is_transient would have known the others
        return "denied"
    return (
        "unavailable"
        if state.startswith(_POSTGRES_UNAVAILABLE)
        else "denied"
        if state.startswith(_POSTGRES_DENIED)
        else "fatal"
    )


def _of_system(error: OSError) -> Fault:
    if isinstance(error, UnidentifiedImageError):
        return "cell"
    if error.errno is None:  # Pillow raises such for bytes that are no picture
        return "unavailable" if isinstance(error, ConnectionError | TimeoutError) else "cell"
    if error.errno in _NO_MEMORY:
        return "memory"
    return "denied" if error.errno in _DENIED else "worker" if error.errno in _NOT_FOUND else "unavailable"


def _of_device(error: BaseException) -> Fault:
    words = str(error)
    if not isinstance(error, RuntimeError):
        return "cell"
    if any(one in words for one in _MEMORY_WORDS):
        return "memory"
    # a device that answered with an error once answers every later call of this process with it
    return "fatal" if _is_torch(error, "AcceleratorError") or words.startswith(_DEVICE_WORDS) else "cell"


def _is_torch(error: BaseException, name: str) -> bool:
    """Whether it is torch's class of that name; torch is not imported to find out."""
    kind = getattr(sys.modules.get("torch"), name, None)
    return kind is not None and isinstance(error, kind)
