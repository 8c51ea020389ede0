"""The evaluation result of one subject by one method, as tables and pages read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dreamtuner.evaluation.cells import ImageRequest, Measured
from dreamtuner.evaluation.held_out import MeasuredSubject
from dreamtuner.pocket.training.shards import Picture

SHOWN = 6
"""Number of prompts of a subject whose first image is shown on pages."""


@dataclass(frozen=True)
class EvaluationResult:
    """The result of a method for a subject: metrics, first images, and times.

    `prepare_s`: seconds once per subject (training, inversion); `picture_s`: seconds per image, generated in batches.
    """

    drawn: MeasuredSubject
    prepare_s: float
    picture_s: float


def shown(cells: Sequence[ImageRequest]) -> list[ImageRequest]:
    """Return the cells whose images a result contains."""
    return [cell for cell in cells if cell.first][:SHOWN]


def result_of(subject: Picture, cells: Sequence[Measured], pictures: list[Image.Image]) -> EvaluationResult:
    """Combine cells, in the order of prompts and seeds, and the images of the `shown` ones to a result."""
    names = dict.fromkeys(name for cell in cells for name in cell.measures)
    measures = {name: np.array([c.measures[name] for c in cells if name in c.measures]) for name in names}
    # a method may have been prepared again for the remaining cells; the longest time is that of a whole preparation
    prepare_s = max(cell.prepare_s for cell in cells)
    return EvaluationResult(
        MeasuredSubject(subject, pictures, measures), prepare_s, float(np.mean([cell.picture_s for cell in cells]))
    )
