"""Limits how many requests an address may make: a bucket of tokens for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

ADDRESSES = 10_000  # that are remembered


class RateLimit:
    """At most `burst` requests at once, and `per_second` from then on. Safe to use from any thread."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._rate, self._clock = burst, per_second, clock
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait(self, address: str) -> float:
        """Take a token of the address; return 0, or the seconds until there is one."""
        with self._lock:
            at = self._clock()
            left, since = self._left.pop(address, (float(self._burst), at))
            left = min(self._burst, left + self._rate * (at - since))
            short = max(0.0, 1.0 - left)
            self._left[address] = (left if short else left - 1.0, at)  # the newest is the last
            if len(self._left) > ADDRESSES:
                self._left.pop(next(iter(self._left)))
            return short / self._rate
