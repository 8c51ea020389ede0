"""How far a mask that was grown from seeds can be trusted: what agrees with it, and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

EDGE = 4.0  # Lab steps a pixel from which a change of colour is an edge
STRIP = 3  # pixels of the image's sides in which a mask touches them
NEAR = 4  # pixels around a mask within which edges are its own


def confidence(rgb: NDArray[np.uint8], mask: Mask, cuts: Sequence[Mask], *, detailed: bool = True) -> float:
    """Return the confidence, 0..1, of an (H, W) mask of an image (H, W, 3); 0 for an empty or a full one.

    `detailed`: the image was not enlarged from a small one, in which edges outside the mask say nothing.

    The product of:
    - agreement of the cuts, the smallest intersection over union of two: what stands out is found from any seed;
    - separation, 1 less the overlap of the colour histograms inside and outside: equal colours bleed into each other;
    - distance from the sides: a horizon or a wall reaches them, subjects seldom do, but for the lower one;
    - what is explained, 1 less half the share of the image's edges that lie outside: a lost arm, another subject;
    - the share of the mask's own contour that runs along an edge, 0.3 of which may be missing.
    """
    if not mask.any() or mask.all():
        return 0.0
    agreement = min(float((a & b).sum() / max((a | b).sum(), 1)) for a, b in combinations(cuts, 2))
    edge = _edges(rgb)
    kernel = np.ones((3, 3), np.uint8)
    own = mask.astype(np.uint8)
    contour = cv2.dilate(own, kernel) > cv2.erode(own, kernel, borderValue=1)
    along = float((cv2.dilate(edge.astype(np.uint8), kernel) > 0)[contour].mean())
    around = cv2.dilate(own, np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)) > 0
    unexplained = float((edge & ~around).sum() / max(int(edge.sum()), 1))
    explained = 1 - unexplained / 2 if detailed else 1.0
    return agreement * _separation(rgb, mask) * (1 - _touching(mask)) * explained * min(1.0, along + 0.3)


def _separation(rgb: NDArray[np.uint8], mask: Mask) -> float:
    levels = (rgb // 32).astype(np.int64)
    colour = levels[..., 0] * 64 + levels[..., 1] * 8 + levels[..., 2]
    inside, outside = (np.bincount(colour[part], minlength=512) / part.sum() for part in (mask, ~mask))
    return float(1 - np.minimum(inside, outside).sum())


def _touching(mask: Mask) -> float:
    """Return how much a mask reaches the image's sides, 0..1: all of the border, or twice one of the upper three."""
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean()
    sides = (mask[:STRIP].mean(), mask[:, :STRIP].mean(), mask[:, -STRIP:].mean())
    return float(min(1.0, max(border, 2 * max(sides))))


def _edges(rgb: NDArray[np.uint8]) -> Mask:
    """Return where colour changes by more than `EDGE`, (H, W)."""
    calm = cv2.GaussianBlur(rgb.astype(np.float32) / np.float32(255), (0, 0), 1.0)
    lab = cv2.cvtColor(calm, cv2.COLOR_RGB2Lab)
    across, down = (np.linalg.norm(cv2.Sobel(lab, cv2.CV_32F, *step, scale=1 / 8), axis=2) for step in ((1, 0), (0, 1)))
    return np.asarray(np.hypot(across, down) > EDGE)
