"""Reports the progress of flows to the listeners in this process, such as the command line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

Stage = Literal["ingest", "finetune", "guard", "generate", "score", "sheet", "video", "prepare"]


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of a stage (subjects, steps, cells, scores); fractions are steps within an image."""

    stage: Stage
    done: float
    total: float
    note: str = ""


Listener = Callable[[Progress], None]
_listeners: list[Listener] = []
_latest: dict[Stage, Progress] = {}
_last: list[Progress] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send all progress reported inside the block to `listener`."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def report_progress(stage: Stage, done: float, total: float, note: str = "") -> None:
    """Report the progress of a stage to all listeners."""
    _latest[stage] = Progress(stage, done, total, note)
    _last[:] = [_latest[stage]]
    _send(_latest[stage])


def report_part(stage: Stage, more: float) -> None:
    """Report `more` units on top of the last report; for a task, which does not know the total."""
    if stage in _latest:
        last = _latest[stage]
        _send(replace(last, done=min(last.done + more, last.total)))


def report_note(note: str) -> None:
    """Add a note to the last report, such as what the run waits for."""
    for last in _last:
        _send(replace(last, note=note))


def _send(progress: Progress) -> None:
    for listener in tuple(_listeners):
        listener(progress)
