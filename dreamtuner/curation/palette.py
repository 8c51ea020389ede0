"""How well a subject's colours and their neighbours are found again: the reference's middle, against the image's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreamtuner.curation.perceptual_hash import COLOURS, fields

LIGHT = 0.5
"""The weight of a difference of brightness beside one of colour, since light and shade are not the subject's."""
NEAR = 12.0
"""Levels, 0..255, over which a colour that is found counts less and less."""
ABOVE, BESIDE = COLOURS // 8, COLOURS // 4
"""Fields at the upper and lower edge, and at the left and right one, that are not the middle."""
SIDES = (1, 2)
"""Patches of so many fields at a side are looked for: a colour alone, and how colours touch (Simakov et al., 2008)."""
_FOUND = ("mean", "worst tenth", "worst quarter", "share found", "share of the reference's")
NAMES = tuple(name if side == 1 else f"{side} x {side} {name}" for side in SIDES for name in _FOUND)


def palette(image: bytes, reference: bytes) -> NDArray[np.float64]:
    """Return NAMES of two structures: distances of the reference's patches from the nearest of the image's, and shares.

    For patches of each of SIDES: the mean distance and its 90th and 75th percentiles, in levels; the share of the
    reference's patches that are in the image, and of the image's that are in the reference, 0..1.
    """
    ours, theirs = _middle(image), _middle(reference)
    return np.concatenate([_found(_patches(ours, side), _patches(theirs, side), side) for side in SIDES])


def _found(ours: NDArray[np.float64], theirs: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    square = (theirs**2).sum(1)[:, None] + (ours**2).sum(1)[None, :] - 2 * theirs @ ours.T
    apart = np.sqrt(np.maximum(square, 0)) / side
    there, back = apart.min(axis=1), apart.min(axis=0)
    far = np.quantile(there, (0.9, 0.75))
    return np.array([there.mean(), *far, np.exp(-there / NEAR).mean(), np.exp(-back / NEAR).mean()])


def _patches(planes: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return all patches of side x side fields, (N, 3 x side x side)."""
    windows = np.lib.stride_tricks.sliding_window_view(planes, (side, side), axis=(1, 2))
    return windows.transpose(1, 2, 0, 3, 4).reshape(-1, 3 * side * side)


def _middle(structure: bytes) -> NDArray[np.float64]:
    """Return the fields in the middle (3, H, W): brightness, weighted, and the two colour differences."""
    inside = fields(structure)[:, ABOVE : COLOURS - ABOVE, BESIDE : COLOURS - BESIDE].astype(np.float64)
    weights = np.array((LIGHT, 1.0, 1.0), dtype=np.float64)
    return inside * weights[:, None, None]
