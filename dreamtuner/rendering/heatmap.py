"""Overlays a map of weights on an image as a heat map."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grid = NDArray[np.floating[Any]]
"""Weights >= 0, rows x columns."""

_RAMP = ((0.0, (255, 244, 200)), (0.35, (254, 190, 80)), (0.7, (236, 72, 36)), (1.0, (122, 6, 40)))


def ramp(level: Grid) -> Grid:
    """Levels in 0..1, of any shape -> RGB in 0..255 along a new last axis: pale yellow, orange, red, dark red."""
    places = [place for place, _ in _RAMP]
    return np.stack([np.interp(level, places, [colour[i] for _, colour in _RAMP]) for i in range(3)], axis=-1)


def heat(image: Image.Image, weights: Grid, size: tuple[int, int]) -> Image.Image:
    """Return the image in pale grey under the heat map, RGB. `size`: width and height; `weights`: rows x columns, >= 0.

    Heat is proportional to the square root of the weight, so that small weights are visible too; zero has no heat.
    """
    grey = np.asarray(image.convert("L").resize(size, Image.Resampling.LANCZOS), dtype=np.float64)
    base = np.repeat((0.55 * grey + 110)[..., None], 3, axis=2)
    level = np.sqrt(weights / max(float(weights.max()), 1e-12))
    rgb = ramp(level)
    alpha = np.where(weights > 0, 0.25 + 0.6 * level, 0)[..., None]
    cells = [np.arange(side) * count // side for side, count in zip(size[::-1], weights.shape, strict=True)]
    rgb, alpha = (a[cells[0]][:, cells[1]] for a in (rgb, alpha))
    return Image.fromarray(((1 - alpha) * base + alpha * rgb).round().clip(0, 255).astype(np.uint8))
