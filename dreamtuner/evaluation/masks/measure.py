"""Measures maskers on images whose true masks are known: overlap, calibration of the confidence, and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dreamtuner.evaluation.masks.truth import Known
from dreamtuner.preprocess import ForegroundMask, Masker
from dreamtuner.preprocess.maskers import found_by

WRONG = 0.7
"""Intersection over union with the true mask below which a mask is wrong."""


@dataclass(frozen=True)
class Judged:
    """One masker's mask of an image, its intersection over union with the true one, 0..1, and its seconds."""

    masker: str
    known: Known
    found: ForegroundMask
    iou: float
    seconds: float


@dataclass(frozen=True)
class MaskerFigures:
    """What a masker reaches on a group of images.

    Attributes:
        masker, group: their names.
        images: the number of images.
        iou: mean intersection over union with the true masks, 0..1.
        worst_tenth: the mean of the worst tenth of them.
        sure_iou: the mean of those that are not doubtful; None if all are.
        flagged: share of doubtful masks.
        wrong: share of masks below `WRONG`.
        wrong_unflagged: share of wrong masks among those that are not doubtful; None if all are.
        seconds: mean time of an image.
    """

    masker: str
    group: str
    images: int
    iou: float
    worst_tenth: float
    sure_iou: float | None
    flagged: float
    wrong: float
    wrong_unflagged: float | None
    seconds: float


def judged(
    maskers: Sequence[Masker], images: Iterable[Known], say: Callable[[str], object] = lambda line: None
) -> list[Judged]:
    """Let every masker segment every image. `say` gets a line after each 20 images. Raises PluginError."""
    done: list[Judged] = []
    for count, known in enumerate(images, start=1):
        for masker in maskers:
            start = time.perf_counter()
            found = found_by(masker, known.image)
            seconds = time.perf_counter() - start
            done.append(Judged(masker.name, known, found, iou(found.mask, known.truth), seconds))
        if count % 20 == 0:
            say(f"{count} images")
    return done


def figures(done: Sequence[Judged]) -> list[MaskerFigures]:
    """Summarise by group of images and masker, in the order in which they first occur."""
    pairs = dict.fromkeys((one.known.group, one.masker) for one in done)
    return [_figures([one for one in done if (one.known.group, one.masker) == pair]) for pair in pairs]


def _figures(done: Sequence[Judged]) -> MaskerFigures:
    ious = np.array([one.iou for one in done])
    flagged = np.array([one.found.doubtful for one in done])
    sure = ious[~flagged]
    return MaskerFigures(
        masker=done[0].masker,
        group=done[0].known.group,
        images=len(done),
        iou=float(ious.mean()),
        worst_tenth=float(np.sort(ious)[: max(1, len(ious) // 10)].mean()),
        sure_iou=float(sure.mean()) if len(sure) else None,
        flagged=float(flagged.mean()),
        wrong=float((ious < WRONG).mean()),
        wrong_unflagged=float((sure < WRONG).mean()) if len(sure) else None,
        seconds=float(np.mean([one.seconds for one in done])),
    )


def iou(one: Image.Image, other: Image.Image) -> float:
    """Return the intersection over union of two masks (mode L, above 0 is subject) of one size; 1 if both are empty."""
    a, b = np.asarray(one) > 0, np.asarray(other) > 0
    union = int((a | b).sum())
    return float((a & b).sum()) / union if union else 1.0
