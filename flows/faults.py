"""Classifies errors: the one place that distinguishes the failure of a cell from a fault of the infrastructure.

A cell fails only because of its recipe. A failing store, catalog, network, disk or memory, or a worker without the
right weights, is not a failure of the cell that ran into it.
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

cell: the cell's own fault, counted towards its failures;
memory: out of memory; a smaller batch may fit;
unavailable: store, catalog, network or disk fail at the moment; wait and retry;
denied: they deny access; wait if they worked before (they may be under maintenance), else give up;
worker: this worker lacks something, such as the right weights; the cell stays planned, others continue;
fatal: this process cannot continue; the run ends, its cells stay planned.
"""


class RunStoppedError(Exception):
    """A run ends before it is complete, because somebody wants it to. `state`: the run's at its end."""

    def __init__(self, state: Literal["cancelled", "failed"], message: str) -> None:
        super().__init__(message)
        self.state = state


class UnavailableError(RuntimeError):
    """Something the run needs stayed unavailable for too long; `__cause__` is the last error."""


class UnmetRequirementError(RuntimeError):
    """A cell needs something that this worker lacks; the message names it and the remedy."""


class UnfitModelError(UnmetRequirementError):
    """This worker cannot generate with a model at all: it lacks the memory, or its weights are not those planned."""


class CellChangedError(UnmetRequirementError):
    """A cell's row does not hash to its digest, or the files on disk are not those it was planned with."""


_NO_MEMORY = {errno.ENOMEM}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_FOUND = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
_DEVICE_WORDS = ("CUDA error", "cuDNN error", "CUDA driver", "HIP error", "MPS backend")

# S3 error codes that are temporary despite a 4xx status
_PASSES = {"RequestTimeout", "RequestTimeTooSkewed", "ExpiredToken", "SlowDown", "Throttling", "OperationAborted"}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "NoRegionError"}

_SQLITE_UNAVAILABLE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL}
_SQLITE_UNAVAILABLE |= {sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT}
_SQLITE_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
# PostgreSQL's classes of SQLSTATEs: connection, resources (disk full among them), limits, intervention, the system
_POSTGRES_UNAVAILABLE = ("08", "53", "54", "57", "58")
_POSTGRES_DENIED = ("28", "42501", "25006", "3D")


def fault_of(error: BaseException) -> Fault:
    """Classify `error` by its type, its code and its cause."""
    if isinstance(error, UnmetRequirementError | WeightsMissingError | NotInCatalogError | ImportError):
        return "worker"
    if isinstance(error, UnavailableError | RunStoppedError):
        return "fatal"
    if isinstance(error, StoreError):
        return _of_store(error)
    if isinstance(error, SQLAlchemyError):
        return _of_database(error)
    if isinstance(error, CatalogError):
        return "fatal"
    if "httpx" in sys.modules and (fault := _of_http(error)) is not None:
        return fault
    if isinstance(error, MemoryError) or _is_torch(error, "OutOfMemoryError"):
        return "memory"
    if isinstance(error, OSError):
        return _of_system(error)
    return _of_device(error)


def one_line(error: BaseException) -> str:
    """Return the error's message in one line, without SQL statements and secrets."""
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
        return fault if fault in ("denied", "memory") else "unavailable"  # a missing folder may be mounted again
    if type(cause).__name__ in _NO_CREDENTIALS:
        return "denied"
    answer = getattr(cause, "response", None)
    if isinstance(answer, dict):  # botocore's ClientError
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        passes = status not in range(400, 500) or status in (408, 409, 425, 429)
        return "unavailable" if passes or answer.get("Error", {}).get("Code") in _PASSES else "denied"
    return "unavailable"


def _of_http(error: BaseException) -> Fault | None:
    """Classify an error of Prefect's client, as while its server restarts; None for any other error."""
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return "unavailable" if status >= 500 or status in (408, 429) else "fatal"
    return "unavailable" if isinstance(error, httpx.TransportError) else None


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
    if state is None:  # connection denied; is_transient covers the other cases
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
    if error.errno is None:  # Pillow raises these for bytes that are no image
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
    # after a device error every later call of this process fails too
    return "fatal" if _is_torch(error, "AcceleratorError") or words.startswith(_DEVICE_WORDS) else "cell"


def _is_torch(error: BaseException, name: str) -> bool:
    """Return whether it is torch's class of that name, without importing torch."""
    kind = getattr(sys.modules.get("torch"), name, None)
    return kind is not None and isinstance(error, kind)
