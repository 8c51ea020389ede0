"""Records attention maps during generation: which reference patches one point of the image attends to."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from dreamtuner.attention.maps import QueryAttention, query_attention, stride
from dreamtuner.attention.subject_layers import Layers, SelfSubject


class SeenReference(NamedTuple):
    """A reference of a step: its token grids and subject tokens by token count, and its keys and values by layer."""

    grids: Mapping[int, tuple[int, int]]
    tokens: Mapping[int, Tensor]
    layers: Layers

    def level(self, i: int) -> tuple[int, tuple[int, int]]:
        """Return the token count and the grid of level i; 0 is the finest, and levels of one token are one."""
        return list(self.grids.items())[min(i, len(self.grids) - 1)]


@dataclass(frozen=True, eq=False)
class AttentionRecorder:
    """Records the attention of one point into `maps`, keyed by (step, layer name) in the order of recording.

    `point`: x from the left and y from the top, each in 0..1; `steps`: 0 is the first; `counts`: token counts of the
    layers to record (256 is a grid of 16 x 16), None for all. Weights are recomputed only for these steps and layers,
    in the branch that sees prompt and reference (Eq. 4-5); the generated image does not change.
    """

    point: tuple[float, float]
    steps: frozenset[int]
    counts: frozenset[int] | None = None
    maps: dict[tuple[int, str], QueryAttention] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError if a coordinate lies outside the image."""
        for name, value in zip("xy", self.point, strict=True):
            if not 0 <= value <= 1:
                raise ValueError(f"point: {name} is {value}; give a point inside the image, 0..1")

    @contextmanager
    def over(
        self,
        ssa: SelfSubject,
        step: int,
        row: int,
        grids: Mapping[int, tuple[int, int]],
        seen: Sequence[SeenReference],
    ) -> Iterator[None]:
        """Record row `row` of the calls inside, if `step` is one of `steps`.

        `grids`: token count of a layer -> its rows and columns, finest first.
        """
        if step not in self.steps:
            yield
            return
        asked = {count: grid for count, grid in grids.items() if self.counts is None or count in self.counts}
        finest = grids[max(grids)]
        with ssa.record(row, {count: self._token(grid, finest) for count, grid in asked.items()}) as weights:
            yield
        for name, (count, found) in weights.items():
            level = list(grids).index(count)
            theirs = [one.level(level) for one in seen]
            kept = [one.tokens[n] if name in one.layers else None for one, (n, _) in zip(seen, theirs, strict=True)]
            self.maps[step, name] = query_attention(found, asked[count], kept, [grid for _, grid in theirs])

    def _token(self, grid: tuple[int, int], finest: tuple[int, int]) -> int:
        """Return the index of the layer's token that contains the point. `finest`: the grid of the latents."""
        x, y = self.point
        row, column = (
            min(int(place * length / stride(length, count)), count - 1)
            for place, length, count in zip((y, x), finest, grid, strict=True)
        )
        return row * grid[1] + column
