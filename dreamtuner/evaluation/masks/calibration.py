"""Compares the confidence of masks with their overlap: in steps of confidence, how many there are and how good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dreamtuner.evaluation.masks.measure import WRONG, Judged

STEPS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Step:
    """Masks of one masker whose confidence lies within a step.

    Attributes:
        masker: its name.
        at_least, below: the step; the last one holds 1.
        images: the number of masks.
        confidence: the mean of their confidences.
        iou: mean intersection over union with the true masks, 0..1.
        wrong: share of masks below `WRONG`.
        flagged: share of doubtful masks.
    """

    masker: str
    at_least: float
    below: float
    images: int
    confidence: float
    iou: float
    wrong: float
    flagged: float


def calibration(done: Sequence[Judged]) -> list[Step]:
    """Return the steps that hold masks, by masker in the order in which they first occur; of all groups together."""
    found = []
    for masker in dict.fromkeys(one.masker for one in done):
        own = [one for one in done if one.masker == masker]
        at = np.digitize([one.found.confidence for one in own], STEPS[1:-1])
        for step in sorted(set(at.tolist())):
            found.append(
                _step(STEPS[step], STEPS[step + 1], [one for one, k in zip(own, at, strict=True) if k == step])
            )
    return found


def _step(at_least: float, below: float, done: Sequence[Judged]) -> Step:
    ious = np.array([one.iou for one in done])
    return Step(
        masker=done[0].masker,
        at_least=at_least,
        below=below,
        images=len(done),
        confidence=float(np.mean([one.found.confidence for one in done])),
        iou=float(ious.mean()),
        wrong=float((ious < WRONG).mean()),
        flagged=float(np.mean([one.found.doubtful for one in done])),
    )
