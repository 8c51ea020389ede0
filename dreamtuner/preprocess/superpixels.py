"""A picture as a few hundred patches of one colour each, and which of them touch."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import slic

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Superpixels:
    """N patches of an H x W picture.

    Attributes:
        labels: (H, W) number of the patch of each pixel, 0..N-1.
        colour: (N, 3) mean colour in CIE Lab (L 0..100).
        place: (N, 2) centre (x, y) in 0..1 of the picture's width and height.
        border: (N,) whether the patch touches the picture's border.
        pairs: (E, 2) neighbouring patches, each pair once.
    """

    labels: Ints
    colour: Floats
    place: Floats
    border: NDArray[np.bool_]
    pairs: Ints


def superpixels(rgb: NDArray[np.uint8], *, count: int) -> Superpixels:
    """Cut an (H, W, 3) sRGB picture into about `count` patches by SLIC (Achanta et al. 2012, from scikit-image)."""
    raw = slic(rgb, n_segments=count, compactness=10.0, start_label=0, channel_axis=-1)
    labels = np.unique(raw, return_inverse=True)[1].reshape(raw.shape).astype(np.int64)
    height, width = labels.shape
    lab = cv2.cvtColor(rgb.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab).astype(np.float64)
    y, x = np.mgrid[:height, :width]
    means = _means(labels, [lab[..., 0], lab[..., 1], lab[..., 2], (x + 0.5) / width, (y + 0.5) / height])
    border = np.zeros(len(means), dtype=bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        border[edge] = True
    across = np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()], axis=1)
    down = np.stack([labels[:-1].ravel(), labels[1:].ravel()], axis=1)
    touching = np.concatenate([across, down])
    touching = np.sort(touching[touching[:, 0] != touching[:, 1]], axis=1)
    return Superpixels(labels, means[:, :3], means[:, 3:], border, np.unique(touching, axis=0))


def _means(labels: Ints, channels: list[Floats]) -> Floats:
    """(N, C) mean of each (H, W) channel over each patch."""
    flat = labels.ravel()
    size = np.bincount(flat)
    return np.stack([np.bincount(flat, weights=channel.ravel()) / size for channel in channels], axis=1)
