"""Cells by the batch, with layers that may see a reference beside their own tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.attention.install import SelfSubject, attached
from dreamtuner.backbone import Backbone
from dreamtuner.baselines.method import BATCH
from dreamtuner.batch import draw_batch
from dreamtuner.config import Sampling
from dreamtuner.request import Cell

Predict = Callable[[Tensor, Tensor, int], Tensor]


@torch.inference_mode()
def draw_batches(
    backbone: Backbone,
    cells: Sequence[Cell],
    sampling: Sampling,
    predictor: Callable[[SelfSubject, Sequence[Cell]], Predict],
    *,
    x_t: Tensor | None = None,
) -> list[Image.Image]:
    """BATCH cells at a time, each batch by what `predictor` makes for it. `x_t`: where all begin instead of noise."""
    drawn: list[Image.Image] = []
    with attached(backbone.unet) as ssa:
        for first in range(0, len(cells), BATCH):
            batch = cells[first : first + BATCH]
            drawn += draw_batch(backbone, batch, sampling, predictor(ssa, batch), x_t=x_t)
    return drawn
