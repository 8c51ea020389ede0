"""Waiting for what is away: store, catalog, network, disk. A run goes on when it is back, and gives up in the end."""

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
"""The first pause, and the longest; each is twice the one before."""
_log = logging.getLogger(__name__)


class Patience:
    """How long a run bears with what is away. One object serves all threads of a worker.

    `stop` ends the waiting in all of them: whoever waits raises.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.stop = threading.Event()
        self.served = False
        """Whether something came to its end by now: what refuses us later may be under repair."""

    def retry(self, work: Callable[[], T], *, retreat: Callable[[], bool] = lambda: False) -> T:
        """What `work` returns; called again, with growing pauses, while it meets a fault that may pass.

        `retreat` is called before each pause: to give back what is held, and to say whether there was progress since
        the last, with which the time begins anew. Every other error of `work` goes out as it is; Unavailable where
        `seconds` pass without progress.
        """
        began, pause = time.monotonic(), FIRST_SECONDS
        while True:
            try:
                done = work()
            except Exception as error:
                if not self._may_pass(error):
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
            report_note(f"waiting, {one_line(fault)}")
            self.stop.wait(length)
            pause = min(2 * pause, LONGEST_SECONDS)

    def _may_pass(self, error: Exception) -> bool:
        fault = fault_of(error)
        return fault == "unavailable" or (fault == "denied" and self.served)

    def _gave_up(self, fault: Exception) -> UnavailableError:
        waited = f"gave up after {_length(self.seconds)}: " if self.seconds and not self.stop.is_set() else ""
        return UnavailableError(f"{waited}{one_line(fault)}")


def _length(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:g} s"
