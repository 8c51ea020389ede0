"""Places a subject in the image according to its context: whole, or a crop around the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.skeleton import JOINTS, Skeleton

BELOW = 0.07  # subjects are placed a little below the middle, so that hats fit


@dataclass(frozen=True)
class Crop:
    """A crop: ``zoom`` of a full subject's scale about a point ``below`` the head's centre, in subject units."""

    zoom: float
    below: float


CROPS = {"bust": Crop(1.72, 0.46), "close-up": Crop(1.90, -0.22)}
"""A bust's upper edge lies between the eyes and the hat; a close-up's lower edge above the emblem."""


def placed(contexts: Sequence[Context], bones: Skeleton) -> tuple[Tensor, Tensor, Tensor]:
    """Return scale and origin of each subject, each (B): half-image units per subject unit, and x, y.

    A crop largely ignores the context's shift and size, since its edges determine what is hidden.
    """
    scale = torch.tensor([c.size for c in contexts])
    x = torch.tensor([c.x for c in contexts])
    y = torch.tensor([c.y for c in contexts]) + BELOW
    for row, context in enumerate(contexts):
        crop = CROPS.get(context.framing)
        if crop is None:
            continue
        head_x, head_y = bones.joints[row, JOINTS.index("head")].tolist()
        scale[row] = crop.zoom * (0.85 + 0.25 * (context.size - 0.85))
        x[row] = 0.3 * context.x - head_x * scale[row]
        y[row] = -(head_y + crop.below) * scale[row]
    return scale, x, y
