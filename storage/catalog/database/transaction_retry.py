"""Try again what failed by no fault of its own: a lock held too long, a clash of transactions, a lost connection.

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
# From servers that refuse a connection for good. One that speaks another language is asked again in vain, no more.
_REFUSALS = ("does not exist", "authentication failed", "no pg_hba.conf entry", "permission denied", "no password")


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction, begun anew, may well succeed."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.OperationalError):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    state = getattr(cause, "sqlstate", "")
    if state is None:  # no connection, and with that no code from the server: its words alone say why
        return isinstance(error, OperationalError) and not any(words in str(cause) for words in _REFUSALS)
    return state in _TRANSIENT or state.startswith("08")


def retrying(
    work: Callable[[], T], *, patience: float = PATIENCE_SECONDS, sleep: Callable[[float], None] = time.sleep
) -> T:
    """What `work` returns; called again while it raises what is transient, for at most `patience` seconds.

    Between two calls it waits twice as long as the time before, up to 5 s, with a random part so that many workers do
    not come back in step. `work` begins its transaction itself.
    """
    deadline, pause, level = time.monotonic() + patience, _FIRST, logging.WARNING
    while True:
        try:
            return work()
        except DBAPIError as error:
            if not is_transient(error) or time.monotonic() + pause > deadline:
                raise
            _log.log(level, "the catalog is not available (%s); trying again in %.1f s", error.orig, pause)
            level = logging.INFO  # said once is enough for a terminal, a log keeps them all
        sleep(pause * random.uniform(0.5, 1.0))
        pause = min(pause * 2, _LONGEST)
