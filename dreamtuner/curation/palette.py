"""How well the colours of a subject are found again: the reference's in the middle, against the image's."""

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
NAMES = ("mean", "worst tenth", "worst quarter", "share found", "share of the reference's")


def palette(image: bytes, reference: bytes) -> NDArray[np.float64]:
    """Return NAMES of two structures: distances of the reference's fields from the nearest of the image's, and shares.

    The mean distance and its 90th and 75th percentiles, in levels; the share of the reference's fields whose colour is
    in the image, and of the image's whose colour is in the reference, 0..1.
    """
    ours, theirs = _middle(image), _middle(reference)
    square = (theirs**2).sum(1)[:, None] + (ours**2).sum(1)[None, :] - 2 * theirs @ ours.T
    apart = np.sqrt(np.maximum(square, 0))
    there, back = apart.min(axis=1), apart.min(axis=0)
    far = np.quantile(there, (0.9, 0.75))
    return np.array([there.mean(), *far, np.exp(-there / NEAR).mean(), np.exp(-back / NEAR).mean()])


def _middle(structure: bytes) -> NDArray[np.float64]:
    """Return the fields in the middle (F, 3): brightness, weighted, and the two colour differences."""
    inside = fields(structure)[:, ABOVE : COLOURS - ABOVE, BESIDE : COLOURS - BESIDE].astype(np.float64)
    return inside.reshape(3, -1).T * (LIGHT, 1.0, 1.0)
