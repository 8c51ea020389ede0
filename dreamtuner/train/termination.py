"""Holds SIGTERM back until a training has finished its step and saved its state."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import current_thread, main_thread
from types import FrameType


@dataclass
class Termination:
    """Whether the process was asked to end."""

    requested: bool = False


@contextmanager
def termination_after_step() -> Iterator[Termination]:
    """Note the first SIGTERM inside the context instead of acting on it; act on it on exit, as was set up before.

    A process without a handler exits with code 0, since nothing is lost. A second SIGTERM is acted on at once. In a
    thread other than the main one, and where SIGTERM is ignored, nothing changes.
    """
    before, termination = signal.getsignal(signal.SIGTERM), Termination()
    if current_thread() is not main_thread() or before in (signal.SIG_IGN, None):
        yield termination
        return

    def act() -> None:
        signal.signal(signal.SIGTERM, before)
        if before is signal.SIG_DFL:
            raise SystemExit(0)
        signal.raise_signal(signal.SIGTERM)

    def note(number: int, frame: FrameType | None) -> None:
        if termination.requested:
            act()
        termination.requested = True

    signal.signal(signal.SIGTERM, note)
    try:
        yield termination
    finally:
        signal.signal(signal.SIGTERM, before)
    if termination.requested:
        act()
