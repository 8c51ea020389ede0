"""Bytes that a training takes: of weights, of what learning adds, and of what a step keeps for its backward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

BYTES = 4
"""Of a number: float32 throughout."""
PER_LEARNT = 4 * BYTES
"""Beside each number that learns: its gradient, two moments, and its average."""
SPARE = 1.15
"""What allocators and kernels take beyond what is counted."""


@dataclass(frozen=True)
class Need:
    """Bytes: of all weights, of what learning adds, and of what a step keeps for its backward pass."""

    weights: int
    learning: int
    step: int

    @property
    def total(self) -> int:
        """All of it with something to spare."""
        return int((self.weights + self.learning + self.step) * SPARE)


def saved_activation_bytes(step: Callable[[], object], model: nn.Module) -> int:
    """Count the bytes of the tensors that a forward pass keeps for its backward pass, parameters left out."""
    own = {id(p) for p in model.parameters()}
    kept: dict[int, int] = {}
    held: list[Tensor] = []  # so that no id is used twice

    def keep(one: Tensor) -> Tensor:
        base = one._base if one._base is not None else one
        if id(base) not in own:
            kept[id(base)] = base.numel() * base.element_size()
            held.append(base)
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        step()
    return sum(kept.values())
