"""Whether an alpha channel marks a subject, or only shows how the image was framed or exported."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

OPAQUE = 128
"""From this value on a pixel counts as opaque, as in a mask."""

FRAME = 0.06
"""Largest transparent border, as a share of a side, that counts as a frame and not as background."""

LIKE = 0.985
"""Least intersection over union with a rounded rectangle at which the opaque part counts as one."""


def says_nothing(alpha: Image.Image) -> str | None:
    """Return why an alpha channel (mode L) marks no subject, as a message, or None if it may mark one.

    It marks none if every pixel is opaque enough for a mask (such as 254), or if the opaque part is the image itself: a
    rectangle, with or without rounded corners up to a disc, that fills the image except for a thin border.
    """
    opaque = np.asarray(alpha) >= OPAQUE
    if opaque.all():
        return f"it is nearly opaque everywhere (its least value is {int(np.asarray(alpha).min())} of 255)"
    if not opaque.any():
        return None  # fully transparent: rejected later, as a mask, with its own message
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    height, width = opaque.shape
    margins = top / height, 1 - bottom / height, left / width, 1 - right / width
    if max(margins) > FRAME:
        return None
    inside = opaque[top:bottom, left:right]
    if inside.all():
        return "it only cuts off a thin border"
    radius = _radius(inside)
    rounded = _rounded(inside.shape, radius)
    if (inside & rounded).sum() < LIKE * (inside | rounded).sum():
        return None
    return "it only rounds the picture's corners" if 2 * radius < 0.9 * min(inside.shape) else "it only cuts a disc"


def _radius(inside: NDArray[np.bool_]) -> float:
    """Return the radius of rounded corners that would cut off as many pixels, at most half of the shorter side."""
    lost = float((~inside).sum()) / (4 - np.pi)
    return float(min(np.sqrt(lost), min(inside.shape) / 2))


def _rounded(shape: tuple[int, ...], radius: float) -> NDArray[np.bool_]:
    """Return a rectangle of shape (H, W) with corners of this radius in pixels, as a mask."""
    height, width = shape
    away = np.maximum(radius - np.minimum(np.arange(height) + 0.5, height - np.arange(height) - 0.5), 0)
    along = np.maximum(radius - np.minimum(np.arange(width) + 0.5, width - np.arange(width) - 0.5), 0)
    return np.asarray(np.hypot(away[:, None], along[None]) <= radius) if radius > 0 else np.ones(shape, dtype=bool)
