"""Text conditions: what a model's text encoders make of prompts, and what every prediction is conditioned on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class TextStates:
    """The text conditions of N rows.

    `states`: N L D, one state per token, for cross-attention; `pooled`: N P, one vector per text, for models that use
    one beside the states, otherwise None. `image_prompts`: for each IP-Adapter of the model, the embeddings of its K
    images, N K D or N K T D.
    """

    states: Tensor
    pooled: Tensor | None = None
    image_prompts: tuple[Tensor, ...] = ()

    def __len__(self) -> int:
        """Return N."""
        return len(self.states)

    def __getitem__(self, rows: slice | Sequence[int]) -> TextStates:
        """Return these rows, with the first axis kept: [-1:] is the last row as a batch of one."""
        return self._each(lambda one: one[rows])

    @property
    def length(self) -> int:
        """L, the number of tokens."""
        return self.states.shape[1]

    @classmethod
    def cat(cls, parts: Sequence[TextStates]) -> TextStates:
        """Concatenate rows. All must have one L. Raises ValueError if only some have `pooled` or `image_prompts`."""
        pooled = [one.pooled for one in parts if one.pooled is not None]
        if pooled and len(pooled) < len(parts):
            raise ValueError("text states: some have pooled states and some have none; give all or none")
        if len({len(one.image_prompts) for one in parts}) > 1:
            raise ValueError("text states: some have image prompts and some have none; give all or none")
        images = tuple(torch.cat(rows) for rows in zip(*(one.image_prompts for one in parts), strict=True))
        return cls(torch.cat([one.states for one in parts]), torch.cat(pooled) if pooled else None, images)

    def zeros(self) -> TextStates:
        """Return states of the same shapes that are zero."""
        return self._each(torch.zeros_like)

    def expand(self, rows: int) -> TextStates:
        """Repeat a single row to N = `rows`, as a view."""
        return self._each(lambda one: one.expand(rows, *one.shape[1:]))

    def repeat_interleave(self, times: int) -> TextStates:
        """Repeat each row `times` times, one after the other."""
        return self._each(lambda one: one.repeat_interleave(times, dim=0))

    def to(self, device: torch.device | None = None, dtype: torch.dtype | None = None) -> TextStates:
        """Move and convert all tensors; None leaves device or dtype as it is."""

        def moved(one: Tensor) -> Tensor:
            return one.to(one.device if device is None else device, one.dtype if dtype is None else dtype)

        return self._each(moved)

    @classmethod
    def together(cls, parts: Sequence[TextStates], filler: TextStates) -> TextStates:
        """Concatenate rows of different L, each padded to the longest by `filler`, as `padded` does."""
        length = max(one.length for one in parts)
        return cls.cat([one.padded(length, filler) for one in parts])

    def padded(self, length: int, filler: TextStates) -> TextStates:
        """Lengthen to L = `length` with the states of `filler`, 1 M D, repeated: those of an empty text.

        Raises ValueError unless the missing length is a multiple of M, 0 included.
        """
        times, rest = divmod(length - self.length, filler.length)
        if times < 0 or rest:
            raise ValueError(f"text states: {self.length} tokens cannot be padded to {length} by {filler.length} each")
        if not times:
            return self
        more = filler.states.to(self.states).repeat(len(self), times, 1)
        return replace(self, states=torch.cat([self.states, more], dim=1))

    def lerp(self, other: TextStates, share: float) -> TextStates:
        """Interpolate linearly towards `other`, of the same shapes: its states at `share` 1, these at 0."""

        def between(a: Tensor, b: Tensor) -> Tensor:
            return torch.lerp(a, b.to(a), share)

        pooled = None if self.pooled is None or other.pooled is None else between(self.pooled, other.pooled)
        images = tuple(between(a, b) for a, b in zip(self.image_prompts, other.image_prompts, strict=True))
        return TextStates(between(self.states, other.states), pooled, images)

    def _each(self, change: Callable[[Tensor], Tensor]) -> TextStates:
        pooled = None if self.pooled is None else change(self.pooled)
        return TextStates(change(self.states), pooled, tuple(change(one) for one in self.image_prompts))
