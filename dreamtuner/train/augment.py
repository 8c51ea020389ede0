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


def augment(pictures: Tensor, seed: int, *, rows: Tensor | None = None, batch: int | None = None) -> Tensor:
    """Apply random elastic transform, flip, rotation, scaling and blur: (B, 3, S, S) in 0..1 on white -> the same.

    All randomness comes from ``seed``; the padding is white. ``rows`` (B) says which rows of a larger ``batch`` these
    are: each is changed as it would be in the whole batch.
    """
    n = len(pictures) if batch is None else batch
    with torch.random.fork_rng(devices=[]):  # kornia uses the global generator
        torch.manual_seed(seed)
        change = _augmentation(pictures.shape[-1])
        drawn = change.forward_parameters(torch.Size((n, *pictures.shape[1:])))
        if rows is not None:
            for one in drawn:
                one.data.update({name: value[rows] for name, value in one.data.items() if len(value) == n})
                one.data["forward_input_shape"] = torch.tensor(pictures.shape)
        moved: Tensor = change(1 - pictures, params=drawn)
    return (1 - moved).clamp(0, 1)
