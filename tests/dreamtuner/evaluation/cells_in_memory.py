"""Measured cells in memory, whose images can be lost."""

from collections.abc import Mapping, Sequence

from PIL import Image

from dreamtuner.evaluation.cells import Measured, NewCell


class CellsInMemory:
    """A `CellStore` of a test. `saved`: how many cells were stored so far, again or for the first time."""

    def __init__(self) -> None:
        self._cells: dict[str, NewCell] = {}
        self._lost: set[str] = set()
        self.saved = 0

    def measured(self, digests: Sequence[str]) -> Mapping[str, Measured]:
        return {one: self._cells[one].measured for one in digests if one in self._cells}

    def pictures(self, digests: Sequence[str]) -> Mapping[str, Image.Image]:
        return {one: self._cells[one].picture for one in digests if one in self._cells and one not in self._lost}

    def save(self, cells: Sequence[NewCell]) -> None:
        self._cells |= {one.digest: one for one in cells}
        self._lost -= {one.digest for one in cells}
        self.saved += len(cells)

    def lose_all(self) -> None:
        """Lose the images, not what was measured of them."""
        self._lost = set(self._cells)
