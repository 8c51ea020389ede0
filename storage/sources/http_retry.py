"""Which failures of the web are worth another try, and how long to wait before it."""

import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx

from storage.sources.errors import SourceBusyError

T = TypeVar("T")
PAUSES = (0.5, 1.5, 4.0)
"""Seconds before each further try, unless the server asks for more."""
LONGEST = 30.0  # seconds; a server that asks for a longer pause is not waited for
TOTAL_SECONDS = 60.0  # after the first try began, no other begins later
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be others in a moment."""


def retry_transient(once: Callable[[], T]) -> T:
    """What `once` returns; called again, after a pause, while the web lets it down: four times at the most."""
    began = time.monotonic()
    for pause in (*PAUSES, None):
        try:
            return once()
        except (SourceBusyError, httpx.TransportError) as error:
            wanted = (error.after or 0.0) if isinstance(error, SourceBusyError) else 0.0
            if pause is None or wanted > LONGEST or not _is_passing(error):
                raise
            pause = max(pause, wanted)
            if time.monotonic() + pause > began + TOTAL_SECONDS:
                raise
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _is_passing(error: BaseException) -> bool:
    """Whether it may be gone in a moment: a busy server, a lost connection, a time-out; not a bad certificate."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError | httpx.UnsupportedProtocol | httpx.ProxyError):
            return False
        cause = cause.__cause__ or cause.__context__
    return True


def seconds_after(header: str | None) -> float | None:
    """The seconds of a Retry-After header, which holds seconds or a date; None where there is none to understand."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
