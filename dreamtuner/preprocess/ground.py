"""The plain ground of a picture: its colour, estimated from the border, and what is left when it is filled in."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

RING = 0.02  # width of the border that the ground is estimated from, as a share of the shorter side
LEAST, MOST = 5.0, 9.0  # bounds of the tolerance, in CIE Lab
NOISE = 4.5  # tolerance as a multiple of the border's noise, over LEAST / 2
ROUGH = 3.0  # noise of the border, in CIE Lab, from which a ground is not plain
KNOWN, SURE = 0.65, 0.85  # shares of the border of one colour below and above which a ground is not plain, and plain
BAND = 0.04  # share of a side that a horizon's band at least takes
SLOPE = 1.6  # Lab steps a pixel below which a change of lightness is a shadow or a glow and no edge
DARKER, LIGHTER = 45.0, 12.0  # Lab steps of lightness by which shadows and glows differ from the ground
CRUMB = 0.01  # a piece smaller than this share of the largest is dust


@dataclass(frozen=True)
class Ground:
    """What is known of a ground.

    Attributes:
        apart: (H, W) distance of each pixel from the ground's colour there, in CIE Lab.
        sharp: the same of the picture before it is smoothed.
        smooth: (H, W) whether a pixel differs from it as a soft shadow or a glow does.
        tolerance: distance up to which a pixel belongs to the ground.
        share: 0..1, how much of the picture's border belongs to it.
        noise: deviation of the border's pixels from it, in CIE Lab.
        banded: whether something else reaches both the left and the right side, with the ground above and below: the
            ground then is a scene's sky and floor that one surface happens to fit.
    """

    apart: Floats
    sharp: Floats
    smooth: Mask
    tolerance: float
    share: float
    noise: float
    banded: bool

    @property
    def plainness(self) -> float:
        """Return how plain it is, 0 (not at all) to 1."""
        if self.banded:
            return 0.0
        even = np.clip((ROUGH - self.noise) / (ROUGH / 2), 0, 1)
        return float(even * np.clip((self.share - KNOWN) / (SURE - KNOWN), 0, 1))


@dataclass(frozen=True)
class Filled:
    """What the ground left over when it was filled in; each (H, W).

    Attributes:
        subject: the subject.
        enclosed: parts of it that have the ground's colour: white clothes on white, or the hole of a ring.
        cut_off: parts that have the ground's colour and reach the border, but are cut off from most of the ground.
    """

    subject: Mask
    enclosed: Mask
    cut_off: Mask


def ground_of(rgb: NDArray[np.uint8]) -> Ground:
    """Estimate the ground of an (H, W, 3) sRGB picture from its border: a colour that may change across the picture.

    Each channel of CIE Lab is a quadratic function of the place, fitted to the border by reweighted least squares
    (Cauchy's weights), so that a subject which reaches the border counts little.
    """
    lab = cv2.cvtColor(rgb.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab)
    calm = np.asarray(cv2.GaussianBlur(lab, (0, 0), 1.0), dtype=np.float32)
    height, width = lab.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    ring = _ring(height, width)
    design, values = terms[ring], calm[ring].astype(np.float64)
    away, scale = np.linalg.norm(values - np.median(values, axis=0), axis=1), 5.0
    fit = np.zeros((terms.shape[-1], 3))
    for _ in range(15):
        root = np.sqrt(1 / (1 + (away / (2 * scale)) ** 2) ** 2)[:, None]
        fit = np.linalg.lstsq(design * root, values * root, rcond=None)[0]
        away = np.linalg.norm(values - design @ fit, axis=1)
        scale = max(1.0, float(np.median(away)))
    noise = float(np.median(away))
    tolerance = float(np.clip(LEAST / 2 + NOISE * noise, LEAST, MOST))
    colour = (terms @ fit).astype(np.float32)
    apart = np.linalg.norm(calm - colour, axis=2)
    share = float((apart[ring] < tolerance).mean())
    sharp = np.linalg.norm(lab - colour, axis=2)
    return Ground(apart, sharp, _smooth(calm, colour, tolerance), tolerance, share, noise, _banded(apart > tolerance))


def _banded(foreign: Mask) -> bool:
    height = len(foreign)
    thick = max(2, round(RING * min(foreign.shape)))
    left, right = (side.mean(axis=1) > 0.5 for side in (foreign[:, :thick], foreign[:, -thick:]))
    runs = [_runs(side, round(BAND * height)) for side in (left, right)]
    return any(a < d and c < b for a, b in runs[0] for c, d in runs[1])


def _runs(side: Mask, least: int) -> list[tuple[int, int]]:
    """Return start and end of each run of at least `least` within an (N,) side; those that reach its ends are none."""
    steps = np.diff(np.concatenate([[False], side, [False]]).astype(int))
    found = zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True)
    return [(start, end) for start, end in found if end - start >= least and start > 0 and end < len(side)]


def _ring(height: int, width: int) -> Mask:
    thick = max(2, round(RING * min(height, width)))
    ring = np.ones((height, width), dtype=bool)
    ring[thick:-thick, thick:-thick] = False
    return ring


def _smooth(lab: Floats, colour: Floats, tolerance: float) -> Mask:
    """Where lightness departs from the ground's without an edge, and the hue stays: (H, W)."""
    soft = cv2.GaussianBlur(lab[..., 0], (0, 0), 1.5)
    slope = np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=1 / 8))
    slope = cv2.dilate(slope, np.ones((3, 3), np.uint8))
    lighter = lab[..., 0] - colour[..., 0]
    dimmed = lab[..., :1] / np.maximum(colour[..., :1], 1)
    hue = np.linalg.norm(lab[..., 1:] - colour[..., 1:] * dimmed, axis=2)
    return np.asarray((slope < SLOPE) & (hue < tolerance) & (lighter > -DARKER) & (lighter < LIGHTER))


def filled(ground: Ground, gap: int, leniency: float = 1.0, *, shadows: bool = True) -> Filled:
    """Fill the ground in from the border; outlines with gaps of up to twice `gap` pixels hold it back.

    Parts of the ground's colour that outlines enclose stay with the subject, also where the border cuts them off,
    unless they reach a corner of the picture. `leniency` multiplies the tolerance; without `shadows` these count as
    subject.
    """
    passable = ground.apart < ground.tolerance * leniency
    if shadows:
        passable |= ground.smooth
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * gap + 1, 2 * gap + 1))
    open_ = cv2.erode(passable.astype(np.uint8), kernel, borderValue=1)  # the ground continues beyond the border
    count, labels = cv2.connectedComponents(open_, connectivity=4)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    touches = np.bincount(rim[rim > 0], minlength=count)
    main, cut_off = int(touches.argmax()), touches > 0
    outside = np.zeros(count, dtype=bool)
    outside[[main, *(labels[place] for place in ((0, 0), (0, -1), (-1, 0), (-1, -1)))]] = True
    cut_off[main] = outside[0] = False
    enclosed = touches == 0
    enclosed[0] = False
    subject = _pieces(~_regrown(outside[labels], passable, gap))
    return Filled(subject, enclosed[labels], cut_off[labels])


def _regrown(ground: Mask, passable: Mask, gap: int) -> Mask:
    """Give an eroded ground back what the erosion took, within what is passable."""
    kernel = np.ones((3, 3), np.uint8)
    grown = ground.astype(np.uint8)
    allowed = passable.astype(np.uint8)
    for _ in range(gap + 1):
        grown = np.minimum(cv2.dilate(grown, kernel), allowed)
    return np.asarray(grown > 0)


def _pieces(mask: Mask) -> Mask:
    """Drop dust."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA].copy()
    area[0] = 0
    keep = area >= max(CRUMB * area.max(), 1)
    keep[0] = False
    return np.asarray(keep[labels])
