"""Text conditions: what a model's text encoders make of prompts, and what every prediction is conditioned on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class TextStates:
    """The text conditions of N rows.

    `states`: N L D, one state per token, for cross-attention; `pooled`: N P, one vector per text, for models that use
    one beside the states, otherwise None.
    """

    states: Tensor
    pooled: Tensor | None = None

    def __len__(self) -> int:
        """Return N."""
        return len(self.states)

    def __getitem__(self, rows: slice | Sequence[int]) -> TextStates:
        """Return these rows, with the first axis kept: [-1:] is the last row as a batch of one."""
        return TextStates(self.states[rows], None if self.pooled is None else self.pooled[rows])

    @property
    def length(self) -> int:
        """L, the number of tokens."""
        return self.states.shape[1]

    @classmethod
    def cat(cls, parts: Sequence[TextStates]) -> TextStates:
        """Concatenate rows. All must have one L. Raises ValueError if only some have `pooled`."""
        pooled = [one.pooled for one in parts if one.pooled is not None]
        if pooled and len(pooled) < len(parts):
            raise ValueError("text states: some have pooled states and some have none; give all or none")
        return cls(torch.cat([one.states for one in parts]), torch.cat(pooled) if pooled else None)

    def zeros(self) -> TextStates:
        """Return states of the same shapes that are zero."""
        return TextStates(torch.zeros_like(self.states), None if self.pooled is None else torch.zeros_like(self.pooled))

    def expand(self, rows: int) -> TextStates:
        """Repeat a single row to N = `rows`, as a view."""
        pooled = None if self.pooled is None else self.pooled.expand(rows, -1)
        return TextStates(self.states.expand(rows, -1, -1), pooled)

    def repeat_interleave(self, times: int) -> TextStates:
        """Repeat each row `times` times, one after the other."""
        pooled = None if self.pooled is None else self.pooled.repeat_interleave(times, dim=0)
        return TextStates(self.states.repeat_interleave(times, dim=0), pooled)

    def to(self, device: torch.device | None = None, dtype: torch.dtype | None = None) -> TextStates:
        """Move and convert both tensors; None leaves device or dtype as it is."""

        def moved(one: Tensor) -> Tensor:
            return one.to(one.device if device is None else device, one.dtype if dtype is None else dtype)

        return TextStates(moved(self.states), None if self.pooled is None else moved(self.pooled))

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
        return TextStates(torch.cat([self.states, more], dim=1), self.pooled)
