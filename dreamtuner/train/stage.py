"""The interface of a training stage: its trainable module and the loss of one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        """Compute the scalar loss of one batch, and metrics to log.

        All randomness comes from ``generator``, which the loop seeds from (seed, step, rank), so that a resumed run
        equals an uninterrupted one.
        """


@runtime_checkable
class ByRow(Stage, Protocol):
    """A stage whose batch is the same for any number of processes, which share its rows.

    So a training may be resumed by another number of processes, and equals the unbroken one up to the order of sums.
    """

    @property
    def batch(self) -> int:
        """The rows of an optimizer step, of all processes together."""

    def parts(self, step: int, rows: range) -> Sequence[Sequence[int]]:
        """Divide rows of the step's batch into parts that a process computes at once, adding up their gradients."""

    def loss_of(self, step: int, rows: Sequence[int], generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Compute the mean loss of one of the parts, and metrics to log.

        ``generator`` is seeded alike for all parts of a step: what a row gets must not depend on the part.
        """


@runtime_checkable
class Divisible(Protocol):
    """A stage whose trained weights several processes can divide among them, each holding a part.

    Then every process calls `preview`, since it needs the parts of all.
    """

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """The modules whose weights are gathered together; none: every process holds all weights."""


@runtime_checkable
class Previews(Protocol):
    """A stage that can show its progress."""

    def preview(self) -> Image.Image:
        """Generate an image with the current module, into which the loop has loaded the averaged weights."""


@runtime_checkable
class Measured(Protocol):
    """A stage that measures more than its losses, such as a validation with each preview."""

    def measured(self, step: int) -> Mapping[str, float]:
        """Return the metrics to log with this step's line; empty if nothing was measured since the last one."""


@runtime_checkable
class Rated(Protocol):
    """A stage whose parameters have different learning rates."""

    def rate(self, name: str) -> float:
        """Return the factor of the learning rate for the parameter of this name in ``learns``."""


@runtime_checkable
class Ends(Protocol):
    """A stage with early stopping, checked between steps."""

    def enough(self) -> bool:
        """Return whether to stop.

        It depends only on parameters and buffers of ``learns``, so a resumed run stops too.
        """


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Events:
    """Callbacks in the training process: the metrics of a log line, a saved state, a preview's file."""

    logged: Callable[[Mapping[str, float]], None] = _nothing
    saved: Callable[[int], None] = _nothing
    previewed: Callable[[int, Path], None] = _nothing


class StageFactory(Protocol):
    """Builds a stage in each worker process; must be picklable (a frozen dataclass with this method)."""

    def build(self, device: torch.device) -> Stage: ...


def place(module: nn.Module, device: torch.device) -> None:
    """Move ``module`` to ``device``, its convolutions' weights channels last: the faster layout on CPU and GPU."""
    module.to(device)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
