"""Previews that are made on request and kept in memory: each made by one thread, few at once, so many bytes of all."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

MOST = 96 * 2**20  # bytes that are kept: some hundred previews
AT_ONCE = 4
"""How many are made at the same time: each holds its picture's pixels, 3 MB for a megapixel."""
OVERHEAD = 512  # bytes that are counted for an entry beside its preview


class PreviewCache:
    """The previews that were asked for last, at most `most` bytes of them. Safe to use from any thread."""

    def __init__(self, most: int = MOST, at_once: int = AT_ONCE) -> None:
        self._most, self._bytes = most, 0
        self._kept: OrderedDict[tuple[str, ...], bytes | None] = OrderedDict()
        self._making: dict[tuple[str, ...], Future[bytes | None]] = {}
        self._lock, self._turns = threading.Lock(), threading.BoundedSemaphore(at_once)

    @property
    def size(self) -> int:
        """Return how many bytes are kept."""
        return self._bytes

    def get(self, key: tuple[str, ...], make: Callable[[], bytes | None]) -> bytes | None:
        """Return the preview of this key; the first time, what `make` returns, None if there is none to make.

        Whoever asks meanwhile waits for it. Raises what `make` raises, of which nothing is kept.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            others = self._making.get(key)
            ours = self._making[key] = Future() if others is None else others
        if others is not None:
            return others.result()
        try:
            with self._turns:
                made = make()
        except BaseException as error:
            self._over(key)
            ours.set_exception(error)
            raise
        with self._lock:
            self._keep(key, made)
        self._over(key)
        ours.set_result(made)
        return made

    def _over(self, key: tuple[str, ...]) -> None:
        with self._lock:
            del self._making[key]

    def _keep(self, key: tuple[str, ...], made: bytes | None) -> None:
        self._kept[key] = made
        self._bytes += _size(made)
        while self._bytes > self._most:
            self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(made: bytes | None) -> int:
    return len(made or b"") + OVERHEAD
