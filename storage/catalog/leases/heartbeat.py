"""Something said again and again while a block lasts, from a thread of its own: that a process lives."""

import threading
from types import TracebackType
from typing import Self


class Beat:
    """A context that calls `beat` every `pause` seconds until the block ends. A subclass says what a beat is."""

    def __init__(self, name: str, pause: float) -> None:
        self._pause = pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def beat(self) -> None:
        """One beat. What it raises ends the beating, so it keeps to itself what the next may mend."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self._stop.wait(self._pause):
            self.beat()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
