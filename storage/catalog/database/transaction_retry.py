"""Retries transient failures: lock timeouts, serialization failures, lost connections.

Everything else - a constraint, a misspelt column, a full disk - is raised at once: it would only fail again.
"""

import logging
import random
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

T = TypeVar("T")
PATIENCE_SECONDS = 90.0  # a database that restarts is back within this
_FIRST, _LONGEST = 0.05, 5.0
_log = logging.getLogger(__name__)

# PostgreSQL's SQLSTATEs: serialization failure, deadlock, lock timeout, server shutting down, crashed or starting,
# too many connections. Class 08 is about the connection itself.
_TRANSIENT = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300", "25P03"}
# Permanent refusals of a connection, in English; for other languages the retries are merely in vain.
_REFUSALS = ("does not exist", "authentication failed", "no pg_hba.conf entry", "permission denied", "no password")


def is_transient(error: BaseException) -> bool:
    """Return whether retrying the whole transaction may succeed."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.OperationalError):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    state = getattr(cause, "sqlstate", "")
    if state is None:  # no connection, and therefore no code from the server, only a message
        return isinstance(error, OperationalError) and not any(words in str(cause) for words in _REFUSALS)
    return state in _TRANSIENT or state.startswith("08")


def retrying(
    work: Callable[[], T], *, patience: float = PATIENCE_SECONDS, sleep: Callable[[float], None] = time.sleep
) -> T:
    """Return the result of `work`, retrying transient failures for at most `patience` seconds.

    Uses exponential backoff up to 5 s with jitter, so that many workers do not retry in step. `work` begins its own
    transaction.
    """
    deadline, pause, level = time.monotonic() + patience, _FIRST, logging.WARNING
    while True:
        try:
            return work()
        except DBAPIError as error:
            if not is_transient(error) or time.monotonic() + pause > deadline:
                raise
            _log.log(level, "the catalog is not available (%s); retrying in %.1f s", error.orig, pause)
            level = logging.INFO  # once is enough for a terminal; a log records them all
        sleep(pause * random.uniform(0.5, 1.0))
        pause = min(pause * 2, _LONGEST)
