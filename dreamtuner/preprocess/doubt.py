"""Whether a mask that somebody gave can be meant as it is: the usual slips, told from the mask and the picture.

Measured on 80 pictures of the pocket world (subjects of every size, some cut off by the border): what stands out lies
inside of all true masks, also when they are dilated by 4 pixels, eroded, halved or replaced by their bounding box, and
outside of all inverted ones and most of those that were moved by a third of the picture. A true mask covers at most
36 % of the border and a bounding box 71 %. Edges that were blurred by 2 pixels of 64 raise no doubt.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.preprocess.saliency import saliency

NEARLY_EMPTY, NEARLY_FULL = 0.02, 0.95
"""Shares of the picture between which a mask raises no doubt."""

BORDER = 0.75
"""Share of the picture's outermost pixels above which a mask looks inverted. Cut off on two sides: half."""

DARK, LIGHT = 32, 223
"""A mask's pixels between these are neither black nor white; a blurred edge has a few, a photograph is full of them."""

HAZE = 0.5
"""Share of such pixels above which a mask is no black-and-white picture, wherever they lie."""

EDGE = 1 / 4
"""Widest blurred edge, as a share of the shorter side; grey that is wider is no edge."""

PATCH = 0.01
"""Share of the picture that such wide grey may have."""

SIDE = 256  # pixels of the longer side at which the picture is looked at, as by the masker


def doubts(grey: Image.Image, image: Image.Image) -> tuple[str, ...]:
    """Why a stated mask may not be meant, a sentence each; none where nothing speaks against it.

    Args:
        grey: the mask as it was given, mode L, 128 and more is subject; neither empty nor full.
        image: the picture that it belongs to, mode RGB, of the same size.
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
    """The pixels along the border of an (H, W) mask."""
    return np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])


def _photograph(values: NDArray[np.uint8]) -> bool:
    """Whether an (H, W) mask is grey in other places than along the edges of black and white."""
    between = (values > DARK) & (values < LIGHT)
    if between.mean() > HAZE:
        return True
    wide = max(3, round(EDGE * min(values.shape)))
    inner = cv2.erode(between.astype(np.uint8), np.ones((wide, wide), np.uint8), borderValue=0)
    return bool(inner.mean() > PATCH)


def _contradicts(mask: NDArray[np.bool_], image: Image.Image) -> bool:
    """Whether less stands out inside an (H, W) mask than outside of it, on average; False where nothing does."""
    scale = SIDE / max(image.size)
    width, height = (max(SIDE // 8, round(length * scale)) for length in image.size)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    salient, _ = saliency(np.asarray(cv2.resize(np.asarray(image), (width, height), interpolation=how), dtype=np.uint8))
    inside = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)
    if not salient.any() or inside.all() or not inside.any():
        return False
    return bool(salient[inside].mean() < salient[~inside].mean())
