"""What of a photograph is in focus: a second cue of where the subject is, for backgrounds that are blurred."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 512  # pixels of the longer side at which sharpness is measured; fine structure is lost in a smaller image
LEAST = 256  # a smaller image has no structure that focus could blur
IN_FOCUS = 0.3  # share of the sharpest tenth's sharpness from which a patch is in focus
SHALLOW = 0.2  # share of the border's patches in focus below which the background is blurred


def sharpness(rgb: NDArray[np.uint8], labels: NDArray[np.int64]) -> Floats | None:
    """Return the sharpness of each of N patches, (N,), of an image (H, W, 3); None for one that is too small.

    It is the mean difference in brightness, in steps of 255, from the image blurred by a pixel. `labels`: (h, w), the
    patch of each pixel of the image at any size.
    """
    if max(rgb.shape[:2]) < LEAST:
        return None
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    if (scale := SIDE / max(grey.shape)) < 1:
        size = tuple(max(1, round(one * scale)) for one in reversed(grey.shape))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))
    spread = cv2.GaussianBlur(fine, (0, 0), 4.0)
    values = cv2.resize(spread, (labels.shape[1], labels.shape[0]), interpolation=cv2.INTER_AREA).ravel()
    flat = labels.ravel()
    return np.asarray(np.bincount(flat, weights=values) / np.bincount(flat))


def is_background_blurred(sharp: Floats, border: NDArray[np.bool_]) -> bool:
    """Return whether few of the patches (N,) along the border are in focus."""
    return bool((sharp[border] > IN_FOCUS * np.percentile(sharp, 90)).mean() < SHALLOW)


def in_focus(sharp: Floats, border: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return how much each patch is in focus, and how much it is blurred as a background is; each (N,) in 0..1."""
    above = np.maximum(sharp - 1.2 * np.median(sharp[border]), 0)
    focus = (above / max(float(np.percentile(above, 98)), 1e-6)).clip(0, 1)
    blurred = (1 - sharp / (np.percentile(sharp, 75) + 1e-6)).clip(0, 1)
    return focus, blurred
