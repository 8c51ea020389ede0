"""How far the work is, told to whoever listens in this process; flows tell, the command line draws."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

Stage = Literal["ingest", "finetune", "guard", "generate", "score", "sheet", "video"]


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of a stage (subjects, steps, cells, scores); fractions are steps within a picture."""

    stage: Stage
    done: float
    total: float
    note: str = ""


Listener = Callable[[Progress], None]
_listeners: list[Listener] = []
_told: dict[Stage, Progress] = {}
_last: list[Progress] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear everything that is told inside the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def report_progress(stage: Stage, done: float, total: float, note: str = "") -> None:
    """Report; without a listener nothing happens."""
    _told[stage] = Progress(stage, done, total, note)
    _last[:] = [_told[stage]]
    _say(_told[stage])


def report_part(stage: Stage, more: float) -> None:
    """Report `more` units on top of what `tell` said last; for a task, which knows nothing of the whole."""
    if stage in _told:
        last = _told[stage]
        _say(replace(last, done=min(last.done + more, last.total)))


def report_note(note: str) -> None:
    """Say something beside what `tell` said last, such as what is waited for."""
    for last in _last:
        _say(replace(last, note=note))


def _say(progress: Progress) -> None:
    for listener in tuple(_listeners):
        listener(progress)
