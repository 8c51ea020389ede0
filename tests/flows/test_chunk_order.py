"""The order in which a worker of several goes through a run."""

from collections.abc import Sequence

from flows.execution.chunk_order import Chunk, ordered_chunks
from storage.catalog.records import CellView


def cells(*subjects: str, frames: bool = False) -> list[CellView]:
    """A cell of each subject named, seeds from 0."""
    return [
        CellView(f"{name}{i}", "planned", name, "a bear", None, None, i, None, 0, frames, None, None, {})
        for i, name in enumerate(subjects)
    ]


def names(chunks: Sequence[Chunk]) -> list[tuple[str, list[str]]]:
    return [(chunk.place, chunk.digests) for chunk in chunks]


def test_alone_it_goes_through_the_grid_in_order() -> None:
    grid = cells("pip", "pip", "pip", "momo")
    found = names(list(ordered_chunks(grid, 2, lambda: [])))
    assert found == [("1-2", ["pip0", "pip1"]), ("3-3", ["pip2"]), ("1-1", ["momo3"])]


def test_it_begins_where_nobody_works_and_helps_with_the_largest_in_the_end() -> None:
    grid = cells("pip", "momo", "momo", "kiki")
    at = ["pip", "momo"]
    order = ordered_chunks(grid, 1, lambda: at)
    assert next(order).subject == "kiki"
    assert [chunk.subject for chunk in order] == ["momo", "momo", "pip"]


def test_who_works_where_is_asked_before_each_subject_and_never_for_the_last() -> None:
    asked: list[int] = []

    def others_at() -> list[str]:
        asked.append(1)
        return []

    list(ordered_chunks(cells("pip", "pip", "momo"), 1, others_at))
    assert len(asked) == 1


def test_frames_that_use_earlier_ones_are_alone() -> None:
    assert [len(chunk.cells) for chunk in ordered_chunks(cells("pip", "pip", frames=True), 8, lambda: [])] == [1, 1]
