"""Where the subject probably is: what differs from the picture's border and is not connected to it.

The idea and Eq. numbers are those of Zhu et al., "Saliency Optimization from Robust Background Detection" (CVPR 2014):
background reaches the border without crossing an edge, a subject seldom does. Where a photograph's background is
blurred, focus takes the place of contrast (ours). Constants marked "ours" were chosen on pictures of the pocket world
and looked at on scikit-image's photographs.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from skimage.segmentation import slic

from dreamtuner.preprocess.focus import in_focus, is_background_blurred, sharpness

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PATCHES = 300
SLACK = 3.0  # Lab steps below this are shading, not edges (ours)
SPREAD = 7.0  # sigma_clr of Eq. 2: Lab distance over which a patch counts as the same region (paper: 5 to 15)
BORDER_SPREAD = 2.0  # sigma_bndCon of Eq. 4 (paper: 1; 2 keeps subjects that touch the border, ours)
NEAR = 0.4  # sigma_spa of Eq. 6
SATURATION = 30.0  # Lab distance beyond which more contrast says nothing more (ours)
CENTRE = 0.25  # spread of the prior that a reference shows its subject near the centre (ours)
FLAT = 6.0  # largest Lab distance between patches of a picture that shows nothing (ours)


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


def saliency(rgb: NDArray[np.uint8], whole: NDArray[np.uint8] | None = None) -> tuple[Floats, Floats]:
    """Saliency and background probability of every pixel of an (H, W, 3) sRGB picture.

    `whole`: the picture before it was resized, (H', W', 3), whose focus is taken into account.

    Returns:
        Two (H, W) maps in 0..1. The saliency's maximum is 1, save for a flat picture: there it is 0 everywhere.
    """
    patches = superpixels(rgb, count=PATCHES)
    distance = np.linalg.norm(patches.colour[:, None] - patches.colour[None], axis=-1)
    if distance.max() < FLAT:
        return np.zeros(rgb.shape[:2]), np.ones(rgb.shape[:2])
    background = _background(distance, patches.pairs, patches.border)
    contrast = _contrast(distance, patches.place, background)
    near_centre = np.exp(-((patches.place - 0.5) ** 2).sum(axis=1) / (2 * CENTRE**2))
    sharp = None if whole is None else sharpness(whole, patches.labels)
    if sharp is not None and is_background_blurred(sharp, patches.border):
        contrast, blurred = in_focus(sharp, patches.border)
        behind = np.maximum(background / 2, blurred)
    else:
        behind = background
    salient = _optimise(contrast * near_centre, behind, distance, patches.pairs)
    return salient[patches.labels], background[patches.labels]


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


def _background(distance: Floats, pairs: Ints, border: NDArray[np.bool_]) -> Floats:
    """Eq. 1-4: how much of a patch's region lies along the border, as a probability of background, (N,)."""
    count = len(border)
    first, second = np.triu_indices(int(border.sum()), 1)
    rim = np.flatnonzero(border)  # border patches all touch: a background cut in two by the subject stays one region
    edges = np.concatenate([pairs, np.stack([rim[first], rim[second]], axis=1)])
    a, b = edges[:, 0], edges[:, 1]
    steps = np.maximum(distance[a, b] - SLACK, 1e-6)
    # A pair may be listed twice (touching, and on the rim) and coo_matrix would add it up, so the matrix is filled.
    graph = np.zeros((count, count))
    graph[a, b] = steps
    geodesic = dijkstra(coo_matrix(graph).tocsr(), directed=False)
    same = np.exp(-(geodesic**2) / (2 * SPREAD**2))
    connectivity = same[:, border].sum(axis=1) / np.sqrt(same.sum(axis=1))
    return np.asarray(1 - np.exp(-(connectivity**2) / (2 * BORDER_SPREAD**2)))


def _contrast(distance: Floats, place: Floats, background: Floats) -> Floats:
    """Eq. 5-6: distance in colour to the probable background nearby, scaled to 0..1, (N,)."""
    near = np.exp(-((place[:, None] - place[None]) ** 2).sum(axis=-1) / (2 * NEAR**2))
    contrast = (np.minimum(distance, SATURATION) * near * background[None]).sum(axis=1)
    return np.asarray((contrast - contrast.min()) / max(float(np.ptp(contrast)), 1e-9))


def _optimise(foreground: Floats, background: Floats, distance: Floats, pairs: Ints) -> Floats:
    """Eq. 9: the smooth map that is near 1 where `foreground` and near 0 where `background` is strong, (N,)."""
    a, b = pairs[:, 0], pairs[:, 1]
    weights = np.zeros_like(distance)
    weights[a, b] = weights[b, a] = np.exp(-(distance[a, b] ** 2) / (2 * 10.0**2)) + 0.1
    laplacian = np.diag(weights.sum(axis=1)) - weights
    system = laplacian + np.diag(5 * background + foreground + 1e-9)
    salient = np.linalg.solve(system, foreground).clip(0, None)
    return np.asarray(salient / max(float(salient.max()), 1e-9))
