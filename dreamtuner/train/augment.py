"""Augmentation of the encoder's input relative to the target (Sec. 3.1), so that the layout is not copied."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor


@cache
def _augmentation(side: int) -> Any:
    # imported here: kornia is needed by training alone
    import kornia.augmentation as K

    kernel = max(3, side // 4) | 1
    return K.AugmentationSequential(
        K.RandomElasticTransform((kernel, kernel), (kernel / 2.5,) * 2, alpha=(0.3, 0.3), p=0.5),
        K.RandomHorizontalFlip(p=0.5),
        K.RandomAffine(degrees=15.0, translate=(0.08, 0.08), scale=(0.8, 1.1), p=0.9),
        K.RandomGaussianBlur((3, 3), (0.1, 1.0), p=0.3),
    )


def augment(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Apply random elastic transform, flip, rotation, scaling and blur: (B, 3, S, S) in 0..1 on white -> the same.

    All randomness comes from ``generator``; the padding is white.
    """
    seed = int(torch.randint(2**62, (1,), generator=generator))
    with torch.random.fork_rng(devices=[]):  # kornia uses the global generator
        torch.manual_seed(seed)
        moved: Tensor = _augmentation(pictures.shape[-1])(1 - pictures)
    return (1 - moved).clamp(0, 1)
