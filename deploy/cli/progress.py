"""The progress of a run on stderr: a live line on a terminal, a plain line now and then in a log or a pipe."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from flows.progress import Progress, Stage

WORDS: dict[Stage, tuple[str, str]] = {
    "ingest": ("reading references", "subjects"),
    "finetune": ("learning", "steps"),
    "guard": ("checking prompts", "steps"),
    "generate": ("drawing", "cells"),
    "score": ("scoring", "scores"),
    "sheet": ("contact sheet", "subjects"),
    "video": ("writing videos", "clips"),
}
PLAIN_SECONDS = 10.0


class ProgressLine:
    """A listener for flows.progress; use it as a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._bars = Bars(
            SpinnerColumn(finished_text="[green]✓[/green]"),
            TextColumn("{task.description:<20}", markup=False),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[count]:>18}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=console,
            speed_estimate_period=180,
            disable=not self._live,
        )
        self._tasks: dict[Stage, TaskID] = {}
        self._opening: TaskID | None = None
        self._began: dict[Stage, tuple[float, float]] = {}
        self._said: dict[Stage, float] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        self._opening = self._bars.add_task("starting", total=None, count="", note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.started()
        self._bars.stop()

    def started(self) -> None:
        """The flow begins: the line that says "starting" goes."""
        if self._opening is not None:
            self._bars.remove_task(self._opening)
            self._opening = None

    def __call__(self, told: Progress) -> None:
        words, unit = WORDS[told.stage]
        count = f"{int(told.done)}/{int(told.total)} {unit}"
        if not self._live:
            self._plain(told, f"{words}: {count}")
            return
        if told.stage not in self._tasks:
            self._tasks[told.stage] = self._bars.add_task(words, total=told.total, count=count, note="")
            # what a rerun finds done already is no measure of the speed
            self._bars.reset(self._tasks[told.stage], total=told.total, completed=int(told.done))
        self._bars.update(
            self._tasks[told.stage], completed=told.done, total=told.total or 1, count=count, note=told.note
        )
        if told.done >= told.total:
            self._bars.update(self._tasks[told.stage], completed=told.total or 1, total=told.total or 1, note="")

    def _plain(self, told: Progress, words: str) -> None:
        now = time.monotonic()
        start, done_then = self._began.setdefault(told.stage, (now, told.done))
        over = told.done >= told.total
        if told.total == 0 or (told.stage in self._said and not over and now - self._said[told.stage] < PLAIN_SECONDS):
            return
        if over and self._said.get(told.stage) == float("inf"):
            return
        self._said[told.stage] = float("inf") if over else now
        more = told.done - done_then
        left = "" if over or more <= 0 else f", {_clock((now - start) * (told.total - told.done) / more)} left"
        note = f" ({told.note})" if told.note else ""
        self._console.print(f"{words}{left}{note}", highlight=False, markup=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
