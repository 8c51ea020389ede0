"""Which run a worker serves next: by weight, and never one alone for ever."""

from collections import Counter

import pytest

from flows.execution.claims.fair_share import by_need, remembered
from storage.catalog.records import PRIORITIES, RunAtWork


def served(weights: dict[str, int], workers: int, chunks: int) -> list[list[str]]:
    """What each of several workers serves, chunk by chunk, if they decide one after the other."""
    at = ["big"] * workers
    recent: list[dict[str, float]] = [{"big": 1.0} for _ in at]
    found: list[list[str]] = [[] for _ in at]
    for _ in range(chunks):
        for i in range(workers):
            others = Counter(run for j, run in enumerate(at) if j != i)
            runs = [RunAtWork(run, weight, others[run]) for run, weight in weights.items()]
            at[i] = by_need(runs, recent[i], at[i])[0]
            recent[i] = remembered(recent[i], at[i])
            found[i].append(at[i])
    return found


def test_a_run_alone_is_served_by_all() -> None:
    assert served({"big": 4}, 3, 5) == [["big"] * 5] * 3


def test_of_two_workers_one_goes_to_an_order_at_once_and_stays_there() -> None:
    assert served({"big": 4, "order": 4}, 2, 6) == [["order"] * 6, ["big"] * 6]


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("priority", PRIORITIES)
def test_chunks_are_shared_by_weight_and_every_run_moves(workers: int, priority: str) -> None:
    weights = {"big": PRIORITIES["normal"], "order": {**PRIORITIES}[priority]}  # type: ignore[index]
    counts = Counter(run for one in served(weights, workers, 200) for run in one)
    share = counts["order"] / counts.total()
    assert share == pytest.approx(weights["order"] / sum(weights.values()), abs=0.15)


def test_the_first_chunk_of_an_order_is_the_next_one() -> None:
    for workers in (1, 2, 5):
        assert "order" in [one[0] for one in served({"big": 1, "order": 4}, workers, 1)]


def test_what_was_served_long_ago_is_forgotten() -> None:
    recent: dict[str, float] = {}
    for _ in range(40):
        recent = remembered(recent, "new")
    assert recent["new"] == pytest.approx(1, abs=0.01)
    recent = {"old": 1.0}
    for _ in range(40):
        recent = remembered(recent, "new")
    assert "old" not in recent
