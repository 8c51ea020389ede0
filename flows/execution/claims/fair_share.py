"""Chooses the run that a worker serves next, so that each run gets workers by its weight and none gets nothing.

With as many workers as runs each mostly stays at one run, whose references it has encoded; with fewer, a worker divides
its chunks.
"""

from collections.abc import Mapping, Sequence

from storage.catalog.records import RunAtWork

MEMORY = 0.75
"""How much of what a worker did before counts beside its last chunk: the sixth chunk from now outweighs it."""


def by_need(runs: Sequence[RunAtWork], recent: Mapping[str, float], current: str | None) -> list[str]:
    """Order the runs by how much they lack of their share of all workers, the neediest first.

    A run's share is in proportion to its weight; it has the other workers that are at it, and of this worker the part
    that it served it recently. Between equals the `current` run comes first, then the older.

    Args:
        runs: The runs with cells to claim, oldest first.
        recent: The part of this worker's last chunks that each run had, 0..1, see `remembered`.
        current: The run that this worker served last.
    """
    workers, weights = sum(run.others for run in runs) + 1, sum(run.weight for run in runs)

    def lacks(run: RunAtWork) -> float:
        return workers * run.weight / weights - run.others - recent.get(run.id, 0.0)

    return [run.id for run in sorted(runs, key=lambda run: (-round(lacks(run), 6), run.id != current))]


def remembered(recent: Mapping[str, float], run_id: str) -> dict[str, float]:
    """Return the parts of this worker's last chunks after one more chunk, which was of run `run_id`."""
    parts = {one: MEMORY * part for one, part in recent.items() if part > 1e-3}
    return parts | {run_id: parts.get(run_id, 0.0) + (1 - MEMORY)}
