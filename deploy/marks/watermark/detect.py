"""Finds the watermark in a picture, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deploy.marks.watermark.pattern import BLOCKS, CHIPS, pattern
from deploy.marks.watermark.payload import Payload, read
from deploy.marks.watermark.spectrum import Floats, coefficients, parts_of, plane, scales, usable

FALSE_MARKS = 1e-7
"""How often a picture without the watermark is said to have one, at the most."""
SURE = 2.0
"""The size of a part, in grey levels (root mean square), from which on its sign counts fully."""
THRESHOLD = (-2 * log(FALSE_MARKS)) ** 0.5
"""The least `strength` that counts: a sum of fixed terms with random signs exceeds t standard deviations with a
probability of at most exp(-t²/2) (Hoeffding), whatever the terms are. Nothing about pictures is assumed."""


@dataclass(frozen=True)
class Found:
    """`strength`: correlation with the pilot, in standard deviations of a picture without it; `payload`: None if
    unreadable.
    """

    strength: float
    payload: Payload | None

    @property
    def found(self) -> bool:
        """Return whether the picture carries the watermark."""
        return bool(self.strength > THRESHOLD)

    @property
    def false_probability(self) -> float:
        """Return the probability, at most, of such a strength in a picture without the watermark."""
        return exp(-(max(self.strength, 0.0) ** 2) / 2)


def detect(image: Image.Image) -> Found:
    """Look for the watermark."""
    return detect_in(plane(image), usable(image.size))


def detect_in(grid: Floats, where: NDArray[np.bool_]) -> Found:
    """Look for the watermark in a luma plane on the grid, in the coefficients `where`."""
    found = coefficients(grid)
    # a sign counts by how often the watermark could afford to set it
    weights = where / scales(found)
    signed = np.clip(parts_of(found) / SURE, -1.0, 1.0) * weights * pattern().signs
    chip = pattern().chip
    pilot = signed[chip < 0]
    strength = float(pilot.sum() / max(np.sqrt((pilot**2).sum()), 1e-9))
    carried = chip >= 0
    sums = np.zeros(BLOCKS * CHIPS)
    np.add.at(sums, chip[carried], signed[carried])
    return Found(strength, read(sums) if strength > THRESHOLD else None)
