"""Plausibility checks of a mask that a user gave: detects common mistakes from the mask and the image.

Measured on 80 images of the pocket world (subjects of every size, some cut off by the border): the salient region lies
inside all true masks, also when dilated by 4 pixels, eroded, halved or replaced by their bounding box, and outside all
inverted ones and most of those shifted by a third of the image. A true mask covers at most 36 % of the border and a
bounding box 71 %. Edges blurred by 2 pixels of 64 are accepted.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.preprocess.saliency import saliency

NEARLY_EMPTY, NEARLY_FULL = 0.02, 0.95
"""Shares of the image between which a mask's area is plausible."""

BORDER = 0.75
"""Share of the image's outermost pixels above which a mask looks inverted. A subject cut off on two sides has half."""

DARK, LIGHT = 32, 223
"""A mask's pixels between these are neither black nor white; a blurred edge has a few, a photograph is full of them."""

HAZE = 0.5
"""Share of such pixels above which a mask is not a black-and-white image, wherever they are."""

EDGE = 1 / 4
"""Widest blurred edge, as a share of the shorter side; grey that is wider is no edge."""

PATCH = 0.01
"""Largest share of the image that such wide grey areas may cover."""

SIDE = 256  # pixels of the longer side at which the image is analysed, as by the masker


def doubts(grey: Image.Image, image: Image.Image) -> tuple[str, ...]:
    """Return why a user's mask may be a mistake, one sentence each; empty if it is plausible.

    Args:
        grey: the mask, mode L, >= 128 is subject; neither empty nor full.
        image: the image that it belongs to, mode RGB, of the same size.
    """
    values = np.asarray(grey)
    mask = values >= 128
    share, border = float(mask.mean()), float(_outermost(mask).mean())
    found = []
    if _photograph(values):
        found.append("the mask is no black-and-white picture: it has large grey parts, as a photograph does")
    if share < NEARLY_EMPTY:
        found.append(f"the mask is nearly empty: it marks {share:.1%} of the picture as subject")
    if share > NEARLY_FULL:
        found.append(f"the mask is nearly full: it marks {share:.1%} of the picture as subject")
    elif border > BORDER:
        found.append(f"the mask covers {border:.0%} of the picture's border, as an inverted mask does")
    if _contradicts(mask, image):
        found.append("the mask contradicts what stands out in the picture: most of that lies outside the mask")
    return tuple(found)


def _outermost(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels along the border of an (H, W) mask."""
    return np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])


def _photograph(values: NDArray[np.uint8]) -> bool:
    """Return whether an (H, W) mask is grey anywhere but along the edges between black and white."""
    between = (values > DARK) & (values < LIGHT)
    if between.mean() > HAZE:
        return True
    wide = max(3, round(EDGE * min(values.shape)))
    inner = cv2.erode(between.astype(np.uint8), np.ones((wide, wide), np.uint8), borderValue=0)
    return bool(inner.mean() > PATCH)


def _contradicts(mask: NDArray[np.bool_], image: Image.Image) -> bool:
    """Return whether mean saliency is lower inside an (H, W) mask than outside; False if nothing is salient."""
    scale = SIDE / max(image.size)
    width, height = (max(SIDE // 8, round(length * scale)) for length in image.size)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    salient, _ = saliency(np.asarray(cv2.resize(np.asarray(image), (width, height), interpolation=how), dtype=np.uint8))
    inside = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)
    if not salient.any() or inside.all() or not inside.any():
        return False
    return bool(salient[inside].mean() < salient[~inside].mean())
