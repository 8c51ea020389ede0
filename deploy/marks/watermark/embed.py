"""Writes the watermark into a picture: only where the picture does not already say what it should."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deploy.marks.watermark.detect import SURE
from deploy.marks.watermark.pattern import pattern
from deploy.marks.watermark.payload import Payload, chips_of
from deploy.marks.watermark.spectrum import (
    GRID,
    Floats,
    coefficients,
    parts_of,
    plane,
    plane_of,
    usable,
)

PSNR = 44.0
"""Peak signal-to-noise ratio of the marked picture, decibels, at least."""
MARGIN = 3.0
"""How far beyond zero a part is brought, in grey levels (root mean square): what JPEG may take away."""
ENOUGH, UNSURE = 26.0, 0.3
"""The strength (see detect.py) beyond which nothing more is changed: calm pictures reach it with little; and the
least variance of a sign that is not changed."""
ROUNDS = 3
CALM, LIVELY, TYPICAL = 0.4, 1.5, 6.0
"""Weights of calm and lively places, and the local contrast (grey levels) that separates them."""


def embed(image: Image.Image, payload: Payload) -> Image.Image:
    """Return the RGB image with the watermark. Its size and everything but luma are unchanged."""
    grid, where = plane(image), usable(image.size)
    target = pattern().signs * np.concatenate([chips_of(payload), [1.0]])[pattern().chip]
    weights = _weights(grid)
    budget = 255.0**2 / 10 ** (PSNR / 10)
    chosen = _cheapest(parts_of(coefficients(grid)) * target, where, budget)
    total = np.zeros(len(where), dtype=np.complex128)
    for _ in range(ROUNDS):
        now = parts_of(coefficients(grid + weights * plane_of(total, (GRID, GRID)))) * target
        step = np.where(chosen, np.maximum(MARGIN - now, 0.0), 0.0) * target
        total = total + step[0] + 1j * step[1]
    change = _enlarged(weights, image.size) * plane_of(total, image.size)
    change *= min(1.0, np.sqrt(budget / max(float((change**2).mean()), 1e-9)))
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32) + np.rint(change).astype(np.float32)[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _cheapest(toward: Floats, where: NDArray[np.bool_], budget: float) -> NDArray[np.bool_]:
    """Choose the parts to bring to their sign, cheapest first, until the budget is spent or the mark is strong enough.

    `toward`: the parts as they are, positive where their sign is right; `budget`: mean square of the change.
    """
    cost = np.where(where, np.maximum(MARGIN - toward, 0.0) ** 2, np.inf).ravel()
    mixed = pattern().mixed  # in a flat picture all cost the same, and neighbours would add up to stripes
    order = mixed[np.argsort(cost[mixed], kind="stable")]
    spent = 2 * np.cumsum(cost[order])  # one half of the spectrum is the mirror of the other
    signs = np.clip(toward / SURE, -1.0, 1.0).ravel()[order]
    certain = np.arange(cost.size)  # the others keep the sign they have, and what JPEG makes of it
    likeness = certain + signs[::-1].cumsum()[::-1]
    spread = certain + np.maximum(signs**2, UNSURE)[::-1].cumsum()[::-1]
    enough = likeness >= ENOUGH * np.sqrt(3 * spread)
    affordable = spent <= budget * GRID**2
    chosen = np.zeros(cost.size, dtype=bool)
    chosen[order[affordable & (np.cumsum(enough) <= 1)]] = True
    return chosen.reshape(toward.shape)


def _weights(grid: Floats) -> Floats:
    """Return how much of the change each place takes, of mean square 1: lively places hide more than calm ones."""
    contrast = _blurred(np.abs(grid - _blurred(grid))) / TYPICAL
    weights = CALM + (LIVELY - CALM) * contrast / (1 + contrast)
    return np.asarray(weights / np.sqrt((weights**2).mean()))


def _enlarged(grid: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(Image.fromarray(grid.astype(np.float32), "F").resize(size, Image.Resampling.BILINEAR))


def _blurred(grid: Floats) -> Floats:
    """Return the plane's mean over squares of about a sixteenth of its side."""
    small = Image.fromarray(grid.astype(np.float32), "F").resize((GRID // 16, GRID // 16), Image.Resampling.BOX)
    return np.asarray(small.resize((GRID, GRID), Image.Resampling.BILINEAR), dtype=np.float64)
