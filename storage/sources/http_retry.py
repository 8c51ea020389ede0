"""Retries transient failures of web requests."""

import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx

from storage.sources import SourceBusyError

T = TypeVar("T")
PAUSES = (0.5, 1.5, 4.0)
"""Seconds before each retry, unless the server requests more."""
LONGEST = 30.0  # seconds; no retry if the server requests a longer pause
TOTAL_SECONDS = 60.0  # after the first attempt began, no retry begins later
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be transient."""


def retry_transient(once: Callable[[], T]) -> T:
    """Return the result of `once`, retrying transient failures: four attempts at most."""
    began = time.monotonic()
    for pause in (*PAUSES, None):
        try:
            return once()
        except (SourceBusyError, httpx.TransportError) as error:
            wanted = (error.after or 0.0) if isinstance(error, SourceBusyError) else 0.0
            if pause is None or wanted > LONGEST or not _is_transient(error):
                raise
            pause = max(pause, wanted)
            if time.monotonic() + pause > began + TOTAL_SECONDS:
                raise
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _is_transient(error: BaseException) -> bool:
    """Return whether the error may be transient: a busy server, a lost connection, a timeout; not a bad certificate."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError | httpx.UnsupportedProtocol | httpx.ProxyError):
            return False
        cause = cause.__cause__ or cause.__context__
    return True


def seconds_after(header: str | None) -> float | None:
    """Parse a Retry-After header, seconds or a date, to seconds; None if missing or invalid."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
