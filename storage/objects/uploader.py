"""Background uploads with bounded memory; failures are raised to the producer."""

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from storage.logs import in_context

T = TypeVar("T")
THREADS = 4
MAX_BYTES = 64 * 1024 * 1024


class Uploader(Generic[T]):
    """Calls `send(item)` for each item from background threads; `put` returns at once while there is room.

    Queued and in-flight items never exceed `max_bytes`, except for a single larger item: `put` waits until there is
    room. The first failure is raised by every later `put` and `flush` and at the end of the `with` block; queued items
    are then dropped. Items may be sent in any order.

    with Uploader(lambda image: store(image)) as uploads:
        for image in images:
            uploads.put(image, len(image.data))
    """

    def __init__(self, send: Callable[[T], None], *, threads: int = THREADS, max_bytes: int = MAX_BYTES) -> None:
        self._send, self._max = send, max_bytes
        self._waiting: deque[tuple[T, int]] = deque()
        self._bytes = self._count = 0  # queued and in flight
        self._failure: BaseException | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=in_context(self._work), name=f"upload-{i}", daemon=True) for i in range(threads)
        ]

    @property
    def bytes_held(self) -> int:
        """Bytes that are queued or in flight."""
        with self._changed:
            return self._bytes

    def put(self, item: T, size: int) -> None:
        """Queue `item`, of `size` bytes. Raises the error of an earlier item."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._count == 0 or self._bytes + size <= self._max)
            self._raise_failure()
            if self._closed or not self._threads[0].is_alive():
                raise RuntimeError("this Uploader is not open: use it in a `with` block")
            self._waiting.append((item, size))
            self._bytes += size
            self._count += 1
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all items are sent. Raises the error of an item."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._count == 0)
            self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                item, size = self._waiting.popleft()
            failure: BaseException | None = None
            try:
                self._send(item)
            except BaseException as error:
                failure = error
            with self._changed:
                self._bytes -= size
                self._count -= 1
                if failure is not None:
                    self._failure = self._failure or failure
                    self._drop()
                self._changed.notify_all()

    def _drop(self) -> None:
        self._bytes -= sum(size for _, size in self._waiting)
        self._count -= len(self._waiting)
        self._waiting.clear()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send all queued items, also if the block raises, as finished work should be stored."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        if error is None:
            self._raise_failure()
