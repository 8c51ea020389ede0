"""The reference as methods without a mask see it: all of its picture, and all of its tokens."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreamtuner.baselines.method import Given
from dreamtuner.families.unet.backbone import Backbone
from dreamtuner.sampling.reference_pass import foreground_tokens, square


def whole_reference(given: Given) -> Image.Image:
    """The reference cut square and resized to the pictures' side, its background kept."""
    return square(given.reference.image, None, given.sampling.resolution)[0]


def subject_share(given: Given, grids: Mapping[int, tuple[int, int]], device: torch.device) -> dict[int, Tensor]:
    """How much of each token is subject, 0..1, in the picture that `whole_reference` gives: a count of tokens -> R."""
    side = given.sampling.resolution
    mask = given.reference.mask
    covered = Image.new("L", (side, side), 255) if mask is None else square(mask, None, side, fill="black")[0]
    share = torch.from_numpy(np.array(covered.convert("L"), dtype=np.float32)) / 255
    return {n: F.adaptive_avg_pool2d(share[None, None], grid).flatten().to(device) for n, grid in grids.items()}


def all_tokens(backbone: Backbone, x_0: Tensor) -> dict[int, Tensor]:
    """A layer's count of tokens -> the indices of all of them. x_0: C H W."""
    size = (x_0.shape[1], x_0.shape[2])
    tokens = foreground_tokens(torch.ones(size), size, len(backbone.unet.config.block_out_channels))
    return {count: kept.to(x_0.device) for count, kept in tokens.items()}
