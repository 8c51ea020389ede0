"""Divides a step of a stage over processes and over parts that fit into memory, without changing its random draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dreamtuner.train.settings import LoopSettings
from dreamtuner.train.stage import ByRow, Stage


@dataclass(frozen=True, eq=False)
class Share:
    """A part of a step that a process computes at once.

    `weight`: the factor of its mean loss in the gradient that a process adds up, before the mean over processes.
    """

    stage: Stage
    step: int
    rows: Sequence[int] | None
    generator: torch.Generator
    weight: float

    def loss(self) -> tuple[Tensor, dict[str, float]]:
        """Compute the mean loss of the part, and metrics."""
        if self.rows is not None and isinstance(self.stage, ByRow):
            return self.stage.loss_of(self.step, self.rows, self.generator)
        return self.stage.loss(self.step, self.generator)


def shares(stage: Stage, step: int, settings: LoopSettings, rank: int, world: int) -> Iterator[Share]:
    """Yield the parts of a step that process `rank` of `world` computes.

    A stage `ByRow` shares out its batch, the first rows to the first process, and seeds every part alike. Another stage
    makes a batch of its own in every process, `accumulate` of them.

    Raises:
        ValueError: more processes than rows.
    """
    seed = settings.seed * 1_000_003 + step
    if not isinstance(stage, ByRow):
        generator = torch.Generator().manual_seed(seed * 64 + rank)
        for _ in range(settings.accumulate):
            yield Share(stage, step, None, generator, 1 / settings.accumulate)
        return
    if world > stage.batch:
        raise ValueError(f"batch: {stage.batch} images cannot be shared by {world} processes; use fewer processes")
    own = range(stage.batch * rank // world, stage.batch * (rank + 1) // world)
    for rows in stage.parts(step, own):
        generator = torch.Generator().manual_seed(seed * 64)
        yield Share(stage, step, rows, generator, world * len(rows) / stage.batch)
