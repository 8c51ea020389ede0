"""Memory that a training takes, in bytes: weights, gradients and optimizer state, and activations of one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

BYTES = 4
"""Bytes per number: float32 throughout."""
PER_LEARNT = 4 * BYTES
"""Additional bytes per trainable number: its gradient, two moments, and its average."""
SPARE = 1.15
"""Factor for what allocators and kernels take beyond the count."""


@dataclass(frozen=True)
class Need:
    """Memory in bytes: of all weights, of gradients and optimizer state, and of the activations that a step saves."""

    weights: int
    learning: int
    step: int

    @property
    def total(self) -> int:
        """The sum, times SPARE."""
        return int((self.weights + self.learning + self.step) * SPARE)


def saved_activation_bytes(step: Callable[[], object], model: nn.Module) -> int:
    """Count the bytes of the tensors that a forward pass saves for its backward pass, excluding parameters."""
    own = {id(p) for p in model.parameters()}
    saved: dict[int, int] = {}
    held: list[Tensor] = []  # so that no id is used twice

    def keep(one: Tensor) -> Tensor:
        base = one._base if one._base is not None else one
        if id(base) not in own:
            saved[id(base)] = base.numel() * base.element_size()
            held.append(base)
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        step()
    return sum(saved.values())
