"""The region of an image that belongs to a word of the prompt, from cross-attention maps."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def word_region(maps: Sequence[Tensor], grids: Mapping[int, tuple[int, int]], threshold: float) -> dict[int, Tensor]:
    """Return which tokens belong to the words: a layer's token count -> rows L bool.

    maps: rows L each; grids: token counts -> rows and columns. Every map is normalised to 0..1 in each row and resized
    to the finest grid; where their mean, normalised again, exceeds `threshold`, a token belongs to the words.
    """
    finest = grids[max(grids)]
    mean = torch.stack([_stretched(_on(one, grids[one.shape[1]], finest)) for one in maps]).mean(0)
    inside = (_stretched(mean) > threshold).to(mean.dtype)
    return {count: F.adaptive_avg_pool2d(inside, grid).flatten(1) >= 0.5 for count, grid in grids.items()}


def _on(one: Tensor, grid: tuple[int, int], finest: tuple[int, int]) -> Tensor:
    """Resize rows L on a grid to rows 1 h w on the finest."""
    return F.interpolate(one.unflatten(1, (1, *grid)), finest, mode="bilinear", align_corners=False)


def _stretched(x: Tensor) -> Tensor:
    """Normalise each row to 0..1."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return (x - low) / (high - low).clamp_min(1e-8)
