"""Orders the chunks of a run for one of its workers: subject by subject, first those that no other worker is at.

So each worker encodes few references: of a subject alone in the best case, of all subjects in the worst.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from storage.catalog.records import CellView


@dataclass(frozen=True)
class Chunk:
    """Cells of one subject that are claimed together; `place`: their range among the subject's missing ones."""

    subject: str
    place: str
    cells: Sequence[CellView]

    @property
    def digests(self) -> list[str]:
        """Return the cells' digests."""
        return [cell.digest for cell in self.cells]

    @property
    def uses_earlier_frames(self) -> bool:
        """Return whether it is a video frame that must wait for those before it."""
        return self.cells[0].uses_earlier_frames


def ordered_chunks(cells: Sequence[CellView], size: int, others_at: Callable[[], Collection[str]]) -> Iterator[Chunk]:
    """Yield chunks of at most `size` cells, all of a subject before the next; within a subject in grid order.

    `others_at`: names the subjects that other workers are generating now; asked before each new subject, of which the
    first that is not among them comes next, else the one with most chunks left.
    """
    left: dict[str, list[Chunk]] = {}
    for chunk in _chunks(cells, size):
        left.setdefault(chunk.subject, []).append(chunk)
    while left:
        busy = others_at() if len(left) > 1 else ()
        free = next((name for name in left if name not in busy), None)
        yield from left.pop(max(left, key=lambda name: len(left[name])) if free is None else free)


def _chunks(cells: Sequence[CellView], size: int) -> Iterator[Chunk]:
    """Yield chunks of one subject in grid order; frames that use earlier ones are alone."""
    for (subject, alone), group in groupby(cells, key=lambda cell: (cell.subject_name, cell.uses_earlier_frames)):
        ours, most = list(group), 1 if alone else size
        for first in range(0, len(ours), most):
            part = ours[first : first + most]
            yield Chunk(subject, f"{first + 1}-{first + len(part)}", part)
