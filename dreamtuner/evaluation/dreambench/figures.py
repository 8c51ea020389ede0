"""Computes the figures of a bench from scored images: means over subjects with intervals, also by category."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dreamtuner.evaluation.dreambench.subject_set import SubjectSet
from dreamtuner.evaluation.intervals import bootstrap

WHOLE = "all"


@dataclass(frozen=True)
class ScoredImage:
    """One cell of the grid. `scores`: by metric; None if there is no image."""

    subject: str
    prompt: str
    seed: int
    scores: Mapping[str, float] | None


@dataclass(frozen=True)
class Figure:
    """One number of a bench: a mean over subjects, with its 95 % interval; None where one subject has no spread.

    `category`: of the subjects, or all. `images`: how many have the score.
    """

    metric: str
    category: str
    value: float
    low: float | None
    high: float | None
    subjects: int
    images: int


def figures(subjects: SubjectSet, images: Sequence[ScoredImage], metrics: Iterable[str]) -> list[Figure]:
    """Return the figures of each metric, for all subjects and for each category if there are several.

    A subject's value is the mean over its images that have the score; subjects without any are left out. The interval
    is the percentile bootstrap over subjects, since images of one subject are not independent.
    """
    of = {one.name: one.category for one in subjects.subjects}
    categories = list(dict.fromkeys(of.values()))
    found = []
    for metric in metrics:
        values = by_subject(images, metric)
        for category in [WHOLE, *(categories if len(categories) > 1 else ())]:
            chosen = {name: one for name, one in values.items() if category in (WHOLE, of[name])}
            if chosen:
                found.append(_figure(metric, category, chosen))
    return found


def by_subject(images: Sequence[ScoredImage], metric: str) -> dict[str, list[float]]:
    """Return the scores of each subject that has any."""
    found: dict[str, list[float]] = {}
    for one in images:
        if one.scores is not None and metric in one.scores:
            found.setdefault(one.subject, []).append(one.scores[metric])
    return found


def _figure(metric: str, category: str, values: Mapping[str, Sequence[float]]) -> Figure:
    means = np.array([np.mean(one) for one in values.values()])
    low, high = bootstrap(means) if len(means) > 1 else (None, None)
    return Figure(metric, category, float(means.mean()), low, high, len(means), sum(map(len, values.values())))
