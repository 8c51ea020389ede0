"""The embedded masker, without weights: GrabCut grown from a saliency map, several times, and a vote.

Measured on 60 scenes of the pocket world, 64 x 64 pixels, on which no constant was chosen: the mean intersection over
union with the true mask is 0.89 (of the 40 that are not doubtful 0.92); on 54 subjects cut out of photographs, before
blurred or textured backgrounds, 0.84 (15; 0.96). None of these 55 is below 0.7. On drawings in which much has the
ground's colour it is poor, and not always doubted. Subjects that fill a photograph to its border, thin limbs and
crowded backgrounds are beyond it, and are doubted.
"""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.preprocess.evidence import confidence
from dreamtuner.preprocess.foreground import ForegroundMask
from dreamtuner.preprocess.maskers import method_of
from dreamtuner.preprocess.saliency import Floats, saliency

Mask = NDArray[np.bool_]

SEEDS = (0.7, 1.2, 1.8)
"""Shares of Otsu's threshold above which saliency seeds the foreground: generous, middling, strict."""

FAINT = 0.7  # a piece whose mean saliency is below this share of the main piece's belongs to the background
CRUMB = 0.003  # nor does a piece smaller than this share of the main one count
CRACK = 3  # pixels: outlines and seams up to twice as wide are closed
HOLE = 0.1  # holes up to this share of the mask are filled: a dark eye, not the ring of a handle


@dataclass(frozen=True)
class GrabCutMasker:
    """GrabCut (Rother et al. 2004, from OpenCV) seeded by saliency; deterministic, 0.7 s of one core a picture.

    Attributes:
        side: pixels of the longer side it works at; smaller pictures are enlarged to it, for a colour model needs
            pixels, and larger ones reduced, for attention layers never see a finer mask.
        iterations: rounds of GrabCut.
        threshold: confidence below which a mask is doubtful.
    """

    side: int = 256
    iterations: int = 3
    threshold: float = 0.75

    name: ClassVar[str] = "grabcut"
    version: ClassVar[str] = "2"

    def cut(self, image: Image.Image) -> ForegroundMask:
        """Mask of an RGB picture, of its size; empty, with confidence 0, where nothing stands out."""
        rgb = resized(image, self.side)
        salient, background = saliency(rgb, np.asarray(image.convert("RGB")))
        cuts = [tidy(grown, salient) for grown in self._grow(rgb, salient, background)]
        voted = np.asarray(np.mean(cuts, axis=0) > 0.5)
        trust = confidence(rgb, voted, cuts, detailed=max(image.size) >= self.side)
        mask = Image.fromarray(resized_mask(voted, image.size))
        return ForegroundMask(mask, trust, method_of(self), doubtful=trust < self.threshold)

    def _grow(self, rgb: NDArray[np.uint8], salient: Floats, background: Floats) -> list[Mask]:
        """One raw (H, W) cut for each of `SEEDS`."""
        otsu, _ = cv2.threshold((salient * 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
        cuts = []
        for share in SEEDS:
            threshold = min(otsu / 255 * share, 0.9)
            seeds = np.where(salient > threshold, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
            core = cv2.erode((salient > max(threshold, 0.8)).astype(np.uint8), np.ones((3, 3), np.uint8))
            seeds[core > 0] = cv2.GC_FGD
            seeds[(background > 0.8) & (salient < threshold / 2)] = cv2.GC_BGD
            cuts.append(_grabcut(rgb, seeds, self.iterations))
        return cuts


def _grabcut(rgb: NDArray[np.uint8], seeds: NDArray[np.uint8], iterations: int) -> Mask:
    subject = (seeds & 1).astype(bool)  # the definite and the probable foreground are the odd ones of OpenCV's classes
    if not subject.any() or subject.all():
        return subject
    cv2.setRNGSeed(0)  # k-means starts the colour models from OpenCV's generator, one a thread
    nowhere = (0, 0, 0, 0)  # the rectangle counts only when there are no seeds
    cv2.grabCut(rgb, seeds, nowhere, np.zeros((1, 65)), np.zeros((1, 65)), iterations, cv2.GC_INIT_WITH_MASK)
    return (seeds & 1).astype(bool)


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


def resized(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """Return an image as (H, W, 3) sRGB with `side` pixels along its longer side, and at least an eighth of them."""
    scale = side / max(image.size)
    size = tuple(max(side // 8, round(length * scale)) for length in image.size)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.asarray(image.convert("RGB")), size, interpolation=how), dtype=np.uint8)


def resized_mask(mask: Mask, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an (H, W) mask as 0 and 255 at `size` (width, height)."""
    how = cv2.INTER_AREA if size[0] < mask.shape[1] else cv2.INTER_LINEAR
    soft = cv2.resize(mask.astype(np.float32), size, interpolation=how)
    return np.where(soft > 0.5, 255, 0).astype(np.uint8)
