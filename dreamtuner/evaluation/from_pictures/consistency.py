"""Measures sets of a subject: whether what neither its reference nor the prompt says is the same in every image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from PIL import Image

from dreamtuner.baselines.method import Method
from dreamtuner.evaluation.ablations import Mean
from dreamtuner.evaluation.cache import EvaluationCache
from dreamtuner.evaluation.cells import image_requests
from dreamtuner.evaluation.from_pictures.method import InSet
from dreamtuner.evaluation.result import EvaluationResult
from dreamtuner.evaluation.run import Bench, measure_subject, shared
from dreamtuner.evaluation.table1.summary import mean_of
from dreamtuner.evaluation.untrained.method import ALONE, rows_of
from dreamtuner.evaluation.untrained.views import HidingSubject
from dreamtuner.pocket.training.autoencoder import pictures_to_model
from dreamtuner.score.oracle import Oracle

EACH_ALONE = "each alone"
"""The row of the baseline: no image sees another."""


@dataclass(frozen=True)
class Set:
    """One subject with its images, one of each prompt, and their results by row."""

    subject: HidingSubject
    images: Mapping[str, Sequence[Image.Image]]
    results: Mapping[str, EvaluationResult]


def set_rows(subject: HidingSubject, prompts: int, weights: Sequence[float], *, worded: bool) -> dict[str, Method]:
    """Return the rows of a subject: each image alone, and with the first one seen at each weight."""
    first = image_requests(subject.first, prompts, 1)[0]
    prompt = first.prompt(subject.first)
    seen = {
        f"weight {weight:g}": InSet(f"weight {weight:g}", (subject.first,), prompt, first.seed, weight, worded)
        for weight in weights
    }
    return {EACH_ALONE: rows_of(subject, worded=worded, changes={})[ALONE], **seen}


def measure_sets(
    bench: Bench,
    cache: EvaluationCache,
    subjects: Sequence[HidingSubject],
    prompts: int,
    weights: Sequence[float],
    say: Callable[[str], None],
) -> list[Set]:
    """Generate the set of every subject by every row. Cached images are not generated again."""
    worded = "view" in bench.oracle.heads

    def measure(i: int, say_of_it: Callable[[str], None]) -> Set:
        subject = subjects[i]
        cells = image_requests(subject.first, prompts, 1)
        rows = set_rows(subject, prompts, weights, worded=worded)
        results = measure_subject(bench, cache, rows, subject.first, cells, say_of_it, all_images=True)
        return Set(subject, {name: cache.pictures(row, subject.first, cells) for name, row in rows.items()}, results)

    return shared(cache, [one.first for one in subjects], measure, say)


@dataclass(frozen=True)
class SetFigures:
    """Figures of one row over subjects, each 0..1 with its 95 % interval over subjects.

    ``unsaid``: pairs of images of a subject in which the oracle reads an attribute alike that neither the reference
    shows nor a prompt names; ``gain``: how much more than with each image alone, subject by subject; ``said``: the same
    of attributes that the reference shows; ``shown``: those that are the reference's; ``prompt``, ``copying``: as in
    Table 1; ``outline``: 1 - IoU of two silhouettes, which falls where images copy each other's layout.
    """

    row: str
    subjects: int
    images: int
    unsaid: Mean
    gain: Mean
    said: Mean
    shown: Mean
    prompt: Mean
    copying: Mean
    outline: Mean


def set_figures(measured: Sequence[Set], oracle: Oracle) -> list[SetFigures]:
    """Return the figures, row by row."""
    if not measured:
        return []
    read = {name: [_agreement(one, name, oracle) for one in measured] for name in measured[0].images}
    alone = np.array([one["unsaid"] for one in read[EACH_ALONE]])
    found = []
    for name, each in read.items():
        alike = {what: np.array([one[what] for one in each]) for what in each[0]}
        measures = [one.results[name].drawn.measures for one in measured]
        own = [one.subject.shown for one in measured]
        shown = [np.mean([of[what] for what in names]) for names, of in zip(own, measures, strict=True)]
        found.append(
            SetFigures(
                name,
                len(measured),
                sum(len(one.images[name]) for one in measured),
                unsaid=mean_of(alike["unsaid"]),
                gain=mean_of(alike["unsaid"] - alone),
                said=mean_of(alike["said"]),
                shown=mean_of(np.array(shown)),
                prompt=mean_of(np.array([of["prompt"].mean() for of in measures])),
                copying=mean_of(np.array([of["copying"].mean() for of in measures])),
                outline=mean_of(alike["outline"]),
            )
        )
    return found


def _agreement(one: Set, row: str, oracle: Oracle) -> dict[str, float]:
    x = pictures_to_model(list(one.images[row]))
    read, inside = oracle.read(x), oracle.silhouette(x)
    pairs = list(combinations(range(len(read)), 2))

    def alike(names: Sequence[str]) -> float:
        return float(np.mean([[read[i][name] == read[j][name] for name in names] for i, j in pairs]))

    overlap = [float((inside[i] & inside[j]).sum() / (inside[i] | inside[j]).sum().clamp_min(1)) for i, j in pairs]
    return {
        "unsaid": alike(one.subject.hidden),
        "said": alike(one.subject.shown),
        "outline": 1 - float(np.mean(overlap)),
    }
