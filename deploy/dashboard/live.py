"""Data of the Home page, queried once for all viewers, and estimates of the time left."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from deploy.dashboard.pages import sentences
from deploy.dashboard.resources import shared
from storage.catalog import Catalog, views
from storage.catalog.records import CellState, Decision
from storage.catalog.views import Filter, OutputRow, RunFigures, RunProgress

FRESH = 1.5  # seconds that a snapshot is reused, at least
SHARE = 20  # querying takes at most 1 / SHARE of the time
WAITING: tuple[CellState, ...] = ("planned", "generating", "failed", "lost")
NEWEST = 8  # pictures
_SPAN = 600.0


@dataclass(frozen=True)
class Snapshot:
    """The state of runs, cells and reviews at one moment.

    `left` maps a run to the estimated seconds left, `warnings` to its warnings.
    """

    runs: Sequence[RunProgress]
    decisions: Mapping[Decision, int]
    cells: Mapping[CellState, int]
    newest: Sequence[OutputRow]
    left: Mapping[str, float]
    warnings: Mapping[str, Sequence[str]]


class Live:
    """The latest snapshot, shared, and samples of each run's progress for estimating the time left."""

    def __init__(self, catalog: Catalog, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalog, self._clock = catalog, clock
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._good_until = 0.0
        self._samples: dict[str, deque[tuple[float, int]]] = {}

    def snapshot(self) -> Snapshot:
        """Return a snapshot that is at most a moment old."""
        with self._lock:
            began = self._clock()
            if self._snapshot is None or began >= self._good_until:
                with self._catalog.read() as s:
                    runs, decisions = views.runs_progress(s), views.decisions(s)
                    cells = views.cell_states(s, WAITING)
                    newest = views.gallery_page(s, Filter(), limit=NEWEST).rows
                    warned = views.count_warnings(s, [run.id for run in runs])
                    warnings = {run: sentences(views.warnings_of_run(s, run), 3) for run in warned}
                self._snapshot = Snapshot(runs, decisions, cells, newest, self._left(runs), warnings)
                took = self._clock() - began
                self._good_until = began + max(FRESH, SHARE * took)
            return self._snapshot

    def _left(self, runs: Sequence[RunProgress]) -> dict[str, float]:
        at, found = self._clock(), {}
        running = [run for run in runs if run.state == "running"]
        self._samples = {run.id: self._samples.get(run.id, deque(maxlen=400)) for run in running}
        for run in running:
            samples = self._samples[run.id]
            samples.append((at, run.done))
            while samples[0][0] < at - _SPAN:
                samples.popleft()
            seconds, made = at - samples[0][0], run.done - samples[0][1]
            if made > 0 and seconds > 0:
                found[run.id] = (run.total - run.done - run.failed) * seconds / made
        return found


def live_of(request: Request) -> Live:
    """Return the `Live` of all who see the same, creating it on first use."""
    return shared(request, "live", Live)


class LiveFigures:
    """The latest figures of runs, shared by all viewers: those of large runs are counted less often."""

    def __init__(self, catalog: Catalog, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalog, self._clock = catalog, clock
        self._lock = threading.Lock()
        self._latest: dict[str, tuple[float, RunFigures]] = {}

    def of(self, run_id: str) -> RunFigures:
        """Return the run's figures, a moment old; older where they take long to count."""
        with self._lock:
            began = self._clock()
            self._latest = {run: kept for run, kept in self._latest.items() if began < kept[0]}
            if run_id not in self._latest:
                with self._catalog.read() as s:
                    figures = views.run_figures(s, run_id)
                took = self._clock() - began
                self._latest[run_id] = (began + took + SHARE * took, figures)
            return self._latest[run_id][1]


def figures_of(request: Request, run_id: str) -> RunFigures:
    """Return the figures of a run, see `LiveFigures`."""
    return shared(request, "figures", LiveFigures).of(run_id)
