"""Cells by the batch, with layers that may see a reference beside their own tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.baselines.method import BATCH
from dreamtuner.families.unet.attach import SelfSubject, attached
from dreamtuner.families.unet.backbone import Backbone
from dreamtuner.sampling.generate import draw_batch
from dreamtuner.sampling.request import Cell
from dreamtuner.settings.sampling import Sampling

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
