"""Watching one point of a picture while it is drawn: which patches of the reference it looks at, by step and layer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor

from dreamtuner.attention.maps import QueryAttention, query_attention
from dreamtuner.attention.subject_layers import Layers, SelfSubject


@dataclass(frozen=True, eq=False)
class AttentionRecorder:
    """What is asked, and in `maps` the answers, by (step, layer's name) in the order in which they were made.

    `point`: x from the left and y from the top, each in 0..1; `steps`: 0 is the first; `counts`: tokens of the layers
    that are asked (256 is a grid of 16 x 16), None: all. Weights are computed again for what is asked and for nothing
    else, in the branch that sees prompt and reference (Eq. 4-5); what is drawn does not change.
    """

    point: tuple[float, float]
    steps: frozenset[int]
    counts: frozenset[int] | None = None
    maps: dict[tuple[int, str], QueryAttention] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """ValueError names the coordinate that lies outside of the picture."""
        for name, value in zip("xy", self.point, strict=True):
            if not 0 <= value <= 1:
                raise ValueError(f"point: {name} is {value}; give a place in the picture, 0..1")

    @contextmanager
    def over(
        self,
        ssa: SelfSubject,
        step: int,
        row: int,
        grids: Mapping[int, tuple[int, int]],
        seen: Sequence[tuple[Mapping[int, Tensor], Layers]],
    ) -> Iterator[None]:
        """Watch row `row` of the calls inside, if `step` is asked.

        `grids`: a layer's count of tokens -> its rows and columns; `seen`: each reference's subject tokens by count,
        and what it gives to this step.
        """
        if step not in self.steps:
            yield
            return
        asked = {count: grid for count, grid in grids.items() if self.counts is None or count in self.counts}
        with ssa.record(row, {count: self._token(grid) for count, grid in asked.items()}) as weights:
            yield
        for name, (count, found) in weights.items():
            kept = [tokens[count] if name in layers else None for tokens, layers in seen]
            self.maps[step, name] = query_attention(found, asked[count], kept)

    def _token(self, grid: tuple[int, int]) -> int:
        """The token of the layer's grid that holds the point."""
        rows, columns = grid
        x, y = self.point
        return min(int(y * rows), rows - 1) * columns + min(int(x * columns), columns - 1)
