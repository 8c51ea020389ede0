"""Baselines that run the reference through the model at every step: their common loop, and their reference.

These methods have no mask, so they attend to the whole reference image and all of its tokens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreamtuner.attention.self_subject import Attendable
from dreamtuner.attention.subject_layers import SelfSubject
from dreamtuner.baselines.method import BATCH, Given
from dreamtuner.families.backbone import Parts
from dreamtuner.families.denoiser import Denoiser
from dreamtuner.families.text_states import TextStates
from dreamtuner.sampling.generate import generate_batch
from dreamtuner.sampling.reference_crop import square
from dreamtuner.sampling.request import Cell
from dreamtuner.settings.sampling import Sampling

Layers = Mapping[str, Attendable]
"""What a branch attends to in each self-attention layer, by layer name."""


class Beside(ABC):
    """Text-guided prediction for one batch of cells, with a reference in both branches.

    `text`: 2N rows, the negative prompts of the N cells, then their prompts.
    """

    text: TextStates

    def __init__(self, denoiser: Denoiser, ssa: SelfSubject, w_c: float) -> None:
        self.denoiser, self.ssa, self.w_c = denoiser, ssa, w_c

    @abstractmethod
    def seen(self, t: Tensor, step: int) -> tuple[Layers | None, Layers | None]:
        """Run the reference pass; return what the negative and the positive branch attend to; None: nothing."""

    def guide(self, x: Tensor, t: Tensor, step: int) -> Tensor:
        """Predict both branches for x, N C H W, and combine them. Returns N C H W."""
        uc, c = self.seen(t, step)
        with self.ssa.attend([(len(x), uc), (len(x), c)]):
            other, wanted = self.both(torch.cat([x, x]), t, step).chunk(2)
        prediction: Tensor = other + self.w_c * (wanted - other)
        return prediction

    def both(self, rows: Tensor, t: Tensor, step: int) -> Tensor:
        """Predict the rows of both branches, 2N C H W, negative first."""
        return self.denoiser.predict(rows, t, self.text, {})


@torch.inference_mode()
def generate_beside(
    backbone: Parts,
    cells: Sequence[Cell],
    sampling: Sampling,
    step_of: Callable[[Denoiser, SelfSubject, Sequence[Cell]], Beside],
    *,
    x_t: Tensor | None = None,
) -> list[Image.Image]:
    """Generate cells in batches of BATCH, each by the step that `step_of` creates.

    `x_t`: starts all instead of noise.
    """
    images: list[Image.Image] = []
    denoiser = backbone.denoiser()
    with denoiser.attach_self_subject() as ssa:
        for first in range(0, len(cells), BATCH):
            batch = cells[first : first + BATCH]
            images += generate_batch(backbone, batch, sampling, step_of(denoiser, ssa, batch).guide, x_t=x_t)
    return images


def whole_reference(given: Given) -> Image.Image:
    """Return the reference cropped square and resized to the generated images' side, with its background."""
    return square(given.reference.image, None, given.sampling.resolution)[0]


def subject_share(given: Given, grids: Mapping[int, tuple[int, int]], device: torch.device) -> dict[int, Tensor]:
    """Return how much of each token of `whole_reference` is subject, 0..1: token count -> R."""
    side = given.sampling.resolution
    mask = given.reference.mask
    covered = Image.new("L", (side, side), 255) if mask is None else square(mask, None, side, fill="black")[0]
    share = torch.from_numpy(np.array(covered.convert("L"), dtype=np.float32)) / 255
    return {n: F.adaptive_avg_pool2d(share[None, None], grid).flatten().to(device) for n, grid in grids.items()}


def all_tokens(denoiser: Denoiser, x_0: Tensor) -> dict[int, Tensor]:
    """Return a layer's token count -> the indices of all tokens. x_0: C H W."""
    grids = denoiser.token_grids((x_0.shape[1], x_0.shape[2]))
    return {count: torch.arange(count, device=x_0.device) for count in grids}
