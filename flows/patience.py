"""Retries with backoff while store, catalog, network or disk are unavailable, up to a time limit."""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from flows.faults import UnavailableError, fault_of, one_line
from flows.progress import report_note

T = TypeVar("T")
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
"""The first and the longest pause; each pause is twice the one before."""
_log = logging.getLogger(__name__)


class Patience:
    """The retry policy of a run, shared by all threads of a worker.

    Setting `stop` ends all waiting: every waiting call raises.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.stop = threading.Event()
        self.served = False
        """Whether any call has succeeded: what denies access later may be under repair."""

    def retry(self, work: Callable[[], T], *, retreat: Callable[[], bool] = lambda: False) -> T:
        """Return what `work` returns; retry it with growing pauses while it fails by a temporary fault.

        `retreat` is called before each pause: to give back what is held, and to say whether there was progress since
        the last, with which the time begins anew. Every other error of `work` goes out as it is; Unavailable where
        `seconds` pass without progress.
        """
        began, pause = time.monotonic(), FIRST_SECONDS
        while True:
            try:
                done = work()
            except Exception as error:
                if not self._is_temporary(error):
                    raise
                fault = error
            else:
                self.served = True
                return done
            if retreat():
                began, pause = time.monotonic(), FIRST_SECONDS
            left = self.seconds - (time.monotonic() - began)
            if left <= 0 or self.stop.is_set():
                raise self._gave_up(fault) from fault
            length = min(pause * random.uniform(0.5, 1.0), left)
            _log.warning("%s; trying again in %.0f s", one_line(fault), length)
            report_note(f"waiting: {one_line(fault)}")
            self.stop.wait(length)
            pause = min(2 * pause, LONGEST_SECONDS)

    def _is_temporary(self, error: Exception) -> bool:
        fault = fault_of(error)
        return fault == "unavailable" or (fault == "denied" and self.served)

    def _gave_up(self, fault: Exception) -> UnavailableError:
        waited = f"gave up after {_length(self.seconds)}: " if self.seconds and not self.stop.is_set() else ""
        return UnavailableError(f"{waited}{one_line(fault)}")


def _length(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:g} s"
