"""What a training stage is: the parameters that learn and the loss of one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from PIL import Image
from torch import Tensor, nn


class Stage(Protocol):
    """A stage owns its data and its module; the loop owns steps, optimizer, EMA, checkpoints and progress."""

    @property
    def learns(self) -> nn.Module:
        """The module whose parameters with ``requires_grad`` are trained, saved and averaged."""

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """The scalar loss of one batch, and figures to log.

        Everything random comes from ``generator``, which the loop seeds from (seed, step, rank): a resumed run draws
        what an unbroken one would have drawn.
        """


@runtime_checkable
class Previews(Protocol):
    """A stage that can show what it has learnt so far."""

    def preview(self) -> Image.Image:
        """A picture by the module as it is now; the loop puts the averaged weights in before and out after."""


@runtime_checkable
class Rated(Protocol):
    """A stage whose parameters do not all learn equally fast."""

    def rate(self, name: str) -> float:
        """What the settings' learning rate is multiplied with for the parameter of this name in ``learns``."""


@runtime_checkable
class Ends(Protocol):
    """A stage that knows when it has learnt enough. It is asked between steps, and where one process trains."""

    def enough(self) -> bool:
        """Whether to stop. It hangs on parameters and buffers of ``learns`` alone, so that a resumed run stops too."""


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Events:
    """Who else wants to know, in the process that trains: figures of a log line, a saved state, a preview's file."""

    logged: Callable[[Mapping[str, float]], None] = _nothing
    saved: Callable[[int], None] = _nothing
    previewed: Callable[[int, Path], None] = _nothing


class StageFactory(Protocol):
    """Builds a stage inside each worker process; picklable (a frozen dataclass with this method)."""

    def build(self, device: torch.device) -> Stage: ...


def place(module: nn.Module, device: torch.device) -> None:
    """Move ``module`` to ``device``, its convolutions' weights channels last: the faster layout on CPU and GPU."""
    module.to(device)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
