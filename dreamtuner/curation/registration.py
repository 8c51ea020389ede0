"""How alike two structures are, where one of the images may be a crop of the other by up to 5 %.

Each of a set of windows of one is compared with the other by the correlation of their fine detail: brightness less its
local mean. Pictures of other seeds share layout and light; detail at the same places only the same picture has.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from dreamtuner.curation.perceptual_hash import SIDE

CROPS = (0.0, 0.02, 0.035, 0.05)
"""Shares of width and height that a window leaves out."""
SHIFTS = 5
"""Places of a window of one size along each side."""
RADIUS = 2
"""The local mean is taken over 2 RADIUS + 1 pixels of the structure in each direction."""
Floats = NDArray[np.float32]


def detail(pixels: Floats) -> Floats:
    """Return the fine detail of structures, N x SIDE x SIDE."""
    padded = np.pad(pixels, ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS)), mode="edge")
    wide = 2 * RADIUS + 1
    rows = sum(padded[:, i : i + SIDE] for i in range(wide))
    both = sum(np.asarray(rows)[:, :, i : i + SIDE] for i in range(wide))
    return np.asarray(pixels - np.asarray(both) / wide**2, dtype=np.float32)


def whole(details: Floats) -> Floats:
    """Return the vectors of whole images (N, SIDE^2), unit and centred: a dot product is their correlation."""
    return _unit(details.reshape(len(details), -1))


def windows(one: Floats) -> Floats:
    """Return the vectors of all windows (W, SIDE^2) of the detail of one image, SIDE x SIDE."""
    down, across = _samplers()
    cut = np.matmul(np.matmul(down, one), across.transpose(0, 2, 1))
    return _unit(cut.reshape(len(cut), -1))


def _unit(vectors: Floats) -> Floats:
    centred = vectors - vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(lengths, 1e-6), dtype=np.float32)


@cache
def _samplers() -> tuple[Floats, Floats]:
    """Return matrices (W, SIDE, SIDE) that stretch the rows, and the columns, of a window to the whole side."""
    places = [
        (y, x, 1 - crop) for crop in CROPS for y, x in product(np.linspace(0, crop, SHIFTS if crop else 1), repeat=2)
    ]
    down = np.stack([_sampler(y, size) for y, _, size in places])
    across = np.stack([_sampler(x, size) for _, x, size in places])
    return down, across


def _sampler(start: float, size: float) -> Floats:
    """Return the matrix that samples [start, start + size] of a side, linearly, at SIDE places."""
    at = np.clip((start + size * (np.arange(SIDE) + 0.5) / SIDE) * SIDE - 0.5, 0, SIDE - 1)
    left = np.clip(np.floor(at).astype(int), 0, SIDE - 2)
    matrix = np.zeros((SIDE, SIDE), dtype=np.float32)
    matrix[np.arange(SIDE), left] = 1 - (at - left)
    matrix[np.arange(SIDE), left + 1] += at - left
    return matrix
