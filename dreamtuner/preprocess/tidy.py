"""A cut-out mask made whole: stray pieces off, cracks and small holes closed."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamtuner.preprocess.saliency import Floats

Mask = NDArray[np.bool_]

FAINT = 0.7  # a piece whose mean saliency is below this share of the main piece's belongs to the background
CRUMB = 0.003  # nor does a piece smaller than this share of the main one count
CRACK = 3  # pixels: outlines and seams up to twice as wide are closed
HOLE = 0.1  # holes up to this share of the mask are filled: a dark eye, not the ring of a handle


def tidy(mask: Mask, saliency: Floats) -> Mask:
    """Keep the main piece of an (H, W) mask and those as salient as it; close cracks and fill small holes."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count == 1:
        return mask
    area = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    mass = np.bincount(labels.ravel(), weights=saliency.ravel(), minlength=count)
    mean = mass / np.maximum(area, 1)
    mass[0] = 0  # the background is no piece
    main = int(mass.argmax())
    keep = (mean >= FAINT * mean[main]) & (area >= CRUMB * area[main])
    keep[0] = False
    return _fill(_close(keep[labels]))


def _close(mask: Mask) -> Mask:
    margin = 2 * CRACK  # without it the closing would grow the mask onto the picture's border
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * CRACK + 1, 2 * CRACK + 1))
    padded = np.pad(mask.astype(np.uint8), margin)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)
    return np.asarray(closed[margin:-margin, margin:-margin] > 0)


def _fill(mask: Mask) -> Mask:
    """Fill background pieces that are small; one that touches the picture's border is not a hole."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    hole = stats[:, cv2.CC_STAT_AREA] < HOLE * mask.sum()
    hole[0] = False
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        hole[edge] = False
    return np.asarray(mask | hole[labels])
