"""Memory that a fine-tuning takes, in bytes: weights, gradients and optimizer state, a step, and images of previews.

It is counted without memory: models of fake tensors go through a step, and the bytes of what is alive are added up.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.optimizers import OptimizerName

FULL, HALF = 4, 2
"""Bytes of a number in float32 and in bfloat16."""
SPARE = 1.15
"""Factor for what allocators and kernels take beyond the count."""
SMALLEST_IN_8_BITS = 4096
"""Parameters with fewer numbers have moments in float32 in bitsandbytes."""
BLOCK_8_BITS = 256
"""Numbers that share a float32 scale there."""


@dataclass(frozen=True)
class Need:
    """Memory in bytes: of all weights, of gradients, optimizer state and averages, and of the activations of a step.

    `gradients`: the part of `learning` that is free between steps, when previews are generated; `images`: what one
    image takes besides the weights, with `keys`, the keys and values of its reference for one step; `copies`: weights
    of which there are two while previews are generated, averaged or interpolated ones.
    """

    weights: int
    learning: int
    step: int
    gradients: int = 0
    images: int = 0
    keys: int = 0
    copies: int = 0

    @property
    def room(self) -> int:
        """What previews and class images may take: as much as a step takes in their place, or the least they need."""
        return max(self.gradients + self.step, self.images + self.copies)

    @property
    def live(self) -> int:
        """The largest sum that is alive at a time."""
        return self.weights + self.learning - self.gradients + self.room

    @property
    def total(self) -> int:
        """`live`, times SPARE."""
        return int(self.live * SPARE)


def optimizer_bytes(optimizer: OptimizerName, shapes: Iterable[tuple[int, ...]]) -> int:
    """Return the bytes of the state that an optimizer holds for float32 parameters of these shapes."""
    return sum(_state_bytes(optimizer, shape) for shape in shapes)


def _state_bytes(optimizer: OptimizerName, shape: tuple[int, ...]) -> int:
    numbers = prod(shape)
    if optimizer == "adafactor":  # a mean of each row and of each column of the last two dimensions
        return FULL * (numbers if len(shape) < 2 else numbers // shape[-1] + numbers // shape[-2])
    if optimizer == "adamw8bit" and numbers >= SMALLEST_IN_8_BITS:
        return 2 * (numbers + FULL * -(-numbers // BLOCK_8_BITS))
    if optimizer == "adamw16bit":
        return 2 * HALF * numbers
    return 2 * FULL * numbers


class LiveBytes(TorchDispatchMode):
    """Adds up the bytes of all tensors that operations inside create, while they live. `peak`: the most at a time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._seen: set[int] = set()

    def add(self, tensors: Iterable[Tensor]) -> None:
        """Count tensors that exist already."""
        for one in tensors:
            storage = one.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key not in self._seen:
                self._seen.add(key)
                self.now += size
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count what it returns."""
        out = func(*args, **(kwargs or {}))
        self.add(one for one in tree_leaves(out) if isinstance(one, Tensor))
        return out


@contextmanager
def counted(models: Iterable[nn.Module], settings: FineTuneConfig) -> Iterator[LiveBytes]:
    """Give models of the meta device fake parameters on a CPU in the precisions of a training; count inside.

    Everything inside is computed on fake tensors. The parameters count.
    """
    half = settings.precision == "bfloat16"
    with FakeTensorMode(), LiveBytes() as live:
        for model in models:
            for module in model.modules():
                for name, p in module._parameters.items():
                    if p is not None:
                        dtype = torch.bfloat16 if half and not p.requires_grad else torch.float32
                        fake = torch.empty(p.shape, dtype=dtype, device="cpu")
                        module._parameters[name] = nn.Parameter(fake, requires_grad=p.requires_grad)
            live.add(model.parameters())
        yield live


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
