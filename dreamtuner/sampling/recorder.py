"""Records attention maps during generation: which reference patches one point of the image attends to."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor

from dreamtuner.attention.maps import QueryAttention, query_attention
from dreamtuner.attention.subject_layers import Layers, SelfSubject


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
        seen: Sequence[tuple[Mapping[int, Tensor], Layers]],
    ) -> Iterator[None]:
        """Record row `row` of the calls inside, if `step` is one of `steps`.

        `grids`: token count of a layer -> its rows and columns; `seen`: each reference's subject tokens by token count,
        and its keys and values for this step.
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
        """Return the index of the layer's token that contains the point."""
        rows, columns = grid
        x, y = self.point
        return min(int(y * rows), rows - 1) * columns + min(int(x * columns), columns - 1)
