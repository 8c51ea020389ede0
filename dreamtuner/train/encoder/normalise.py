"""Scales a CLIP model's pixels as its image processor does, for images that are cut to its size already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Normalise:
    """(x - mean) / deviation, channel by channel: N 3 S S in 0..1 -> the pixels that the CLIP model reads."""

    mean: Sequence[float]
    deviation: Sequence[float]

    @classmethod
    def of(cls, processor: Any) -> Self:
        """Return that of an image processor."""
        on = bool(getattr(processor, "do_normalize", True))
        return cls(tuple(processor.image_mean) if on else (0.0,) * 3, tuple(processor.image_std) if on else (1.0,) * 3)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Normalise pixels, N 3 S S."""
        mean, deviation = (
            torch.tensor(one, device=pixels.device).view(1, 3, 1, 1) for one in (self.mean, self.deviation)
        )
        return (pixels - mean) / deviation


def cut_to_size(image: Image.Image, processor: Any) -> Image.Image:
    """Resize and crop an RGB image as the processor does, without its scaling of values."""
    values = processor(image, do_rescale=False, do_normalize=False, return_tensors="np").pixel_values[0]
    return Image.fromarray(np.asarray(values).transpose(1, 2, 0).round().clip(0, 255).astype(np.uint8))
