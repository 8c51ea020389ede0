"""Decides when a training saves its state: by steps if it is small, else by minutes."""

from __future__ import annotations

import time
from collections.abc import Callable

from dreamtuner.train.settings import LoopSettings

SMALL_BYTES = 100_000_000
"""A smaller state takes less than a second to store, so it is saved after a number of steps."""


class SaveTimes:
    """When to save. `size()`: the bytes of the state, called once there is one."""

    def __init__(self, settings: LoopSettings, size: Callable[[], int]) -> None:
        self._settings, self._size = settings, size
        self._bytes: int | None = None
        self.saved()

    def saved(self) -> None:
        """Note that the state was saved now."""
        self._last = time.monotonic()

    def due(self, step: int) -> bool:
        """Return whether the state is to be saved after this step, counted from 1."""
        minutes = self._settings.save_minutes
        if minutes is not None:
            self._bytes = self._size() if self._bytes is None else self._bytes
            if self._bytes >= SMALL_BYTES:
                return time.monotonic() - self._last >= minutes * 60
        return step % self._settings.save_every == 0
