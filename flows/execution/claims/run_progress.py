"""Follows how much of a run is generated, by this worker and by others."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flows.outcome import CellOutcomes
from storage.catalog import views
from storage.catalog.records import CellState, ClaimedCells

if TYPE_CHECKING:
    from flows.execution.generation_worker import Worker

COUNTING = 0.02
"""The most time that counting may take, as a part of all."""


class RunProgress:
    """Counts the run's cells. While no other worker is at the run, nothing is read to count them.

    Attributes:
        total: how many cells the run has; those of subjects that are fine-tuned on come with `count`.
    """

    def __init__(self, worker: "Worker", run_id: str, counts: Mapping[CellState, int]) -> None:
        self._worker, self._run = worker, run_id
        self.total = sum(counts.values())
        self._known = counts.get("generated", 0)
        self._next_count = 0.0

    def add(self, chunk: ClaimedCells, outcome: CellOutcomes) -> None:
        """Count a chunk, if it was one of this run."""
        if chunk.run_id == self._run:
            self._known += len(outcome.made)

    def generated(self) -> int:
        """Return how many cells are generated, as far as is known: others' are counted from time to time."""
        if self._worker.claims.others and time.monotonic() >= self._next_count:
            began = time.monotonic()
            self._known = max(self._known, self.count())
            self._next_count = time.monotonic() + (time.monotonic() - began) / COUNTING
        return self._known

    def count(self) -> int:
        """Count the run's cells; return how many are generated."""
        counts = self._worker.ask(lambda s: views.counts_of_run(s, self._run))
        self.total = sum(counts.values())
        return counts.get("generated", 0)
