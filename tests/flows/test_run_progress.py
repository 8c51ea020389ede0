"""The progress of a run counts images that exist, not attempts."""

from types import SimpleNamespace
from typing import Any

from flows.execution.claims.run_progress import RunProgress
from flows.outcome import CellOutcomes


def test_failed_and_blocked_cells_are_not_counted_as_generated() -> None:
    worker: Any = SimpleNamespace(claims=SimpleNamespace(others=False))
    chunk: Any = SimpleNamespace(run_id="mine")
    progress = RunProgress(worker, "mine", {"planned": 5, "generated": 1})
    progress.add(chunk, CellOutcomes(("a", "b"), ("c",), {"d": "its first picture is not generated"}))
    assert (progress.generated(), progress.total) == (3, 6)
    progress.add(SimpleNamespace(run_id="another"), CellOutcomes(("e",), ()))  # type: ignore[arg-type]
    assert progress.generated() == 3
