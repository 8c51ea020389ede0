"""Shows the progress of a run on stderr: a live bar on a terminal, a line every 10 s in a log or a pipe."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from flows.progress import Progress, Stage

WORDS: dict[Stage, tuple[str, str]] = {
    "ingest": ("ingesting", "subjects"),
    "finetune": ("fine-tuning", "steps"),
    "guard": ("prior preservation", "steps"),
    "generate": ("generating", "cells"),
    "score": ("scoring", "scores"),
    "sheet": ("contact sheet", "subjects"),
    "video": ("writing videos", "clips"),
    "prepare": ("preparing images", "chunks"),
}
PLAIN_SECONDS = 10.0


class ProgressLine:
    """Listens to flows.progress and shows it; a context manager."""

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
        self._printed_at: dict[Stage, float] = {}

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
        """Remove the line "starting": the flow begins."""
        if self._opening is not None:
            self._bars.remove_task(self._opening)
            self._opening = None

    def __call__(self, event: Progress) -> None:
        words, unit = WORDS[event.stage]
        count = f"{int(event.done)}/{int(event.total)} {unit}"
        if not self._live:
            self._plain(event, f"{words}: {count}")
            return
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._bars.add_task(words, total=event.total, count=count, note="")
            # cells that a rerun finds done must not count towards the speed
            self._bars.reset(self._tasks[event.stage], total=event.total, completed=int(event.done))
        self._bars.update(
            self._tasks[event.stage], completed=event.done, total=event.total or 1, count=count, note=event.note
        )
        if event.done >= event.total:
            self._bars.update(self._tasks[event.stage], completed=event.total or 1, total=event.total or 1, note="")

    def _plain(self, event: Progress, words: str) -> None:
        now = time.monotonic()
        start, done_then = self._began.setdefault(event.stage, (now, event.done))
        over = event.done >= event.total
        if event.total == 0 or (
            event.stage in self._printed_at and not over and now - self._printed_at[event.stage] < PLAIN_SECONDS
        ):
            return
        if over and self._printed_at.get(event.stage) == float("inf"):
            return
        self._printed_at[event.stage] = float("inf") if over else now
        more = event.done - done_then
        left = "" if over or more <= 0 else f", {_clock((now - start) * (event.total - event.done) / more)} left"
        note = f" ({event.note})" if event.note else ""
        self._console.print(f"{words}{left}{note}", highlight=False, markup=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
