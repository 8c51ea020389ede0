"""Summary statistics of a table: means with bootstrap intervals over subjects, and the target comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamtuner.evaluation.ablations import Mean
from dreamtuner.evaluation.intervals import bootstrap
from dreamtuner.evaluation.result import EvaluationResult
from dreamtuner.evaluation.run import PRIOR_METRIC

Table = Mapping[str, Sequence[EvaluationResult]]
"""Results by the method's name on the command line, all of equal subjects in equal order; NAME@STEPS: of fewer."""

SECONDS = {"prepare_s", "picture_s"}
SHARES = frozenset({"identity", "prompt", "copying", "leakage", "hat", "emblem", PRIOR_METRIC})


@dataclass(frozen=True)
class Claim:
    """A target comparison: the paired difference of a metric over subjects should be at least `least`."""

    words: str
    measure: str
    difference: Mean
    least: float

    @property
    def met(self) -> bool:
        """Whether the mean difference reaches its target; its interval states the uncertainty."""
        return self.difference.value >= self.least


def by_subject(results: Sequence[EvaluationResult], name: str) -> NDArray[np.float64]:
    """Return one value per subject: the mean over its images, or its seconds."""
    if name in SECONDS:
        return np.array([getattr(result, name) for result in results])
    return np.array([result.drawn.measures[name].mean() for result in results])


def summary(results: Sequence[EvaluationResult]) -> dict[str, Mean]:
    """Summarise every metric of a method and its seconds, with 95 % intervals over subjects."""
    names = [name for name in results[0].drawn.measures if all(name in result.drawn.measures for result in results)]
    return {name: mean_of(by_subject(results, name)) for name in (*names, *sorted(SECONDS))}


def claims(table: Table) -> list[Claim]:
    """Return the target comparisons between the methods of the table."""
    wanted = [
        ("identity: DreamTuner at least DreamBooth", "identity", "dreamtuner", "dreambooth", 0.0),
        ("CLIP-I, a point is 0.01: DreamTuner at least DreamBooth", "clip_i", "dreamtuner", "dreambooth", 0.0),
        ("prompt: DreamTuner at least MasaCtrl", "prompt", "dreamtuner", "masactrl", 0.0),
        ("CLIP-T, a point is 0.01: DreamTuner at least MasaCtrl", "clip_t", "dreamtuner", "masactrl", 0.0),
        (
            "identity: DreamTuner at 300 steps at least DreamBooth at 1200",
            "identity",
            "dreamtuner@300",
            "dreambooth@1200",
            0.0,
        ),
        (
            "identity: DreamTuner at 300 steps at least the same without SE",
            "identity",
            "dreamtuner@300",
            "dreamtuner-no-se@300",
            0.0,
        ),
        (
            "identity: DreamTuner without SE at 300 steps at least DreamBooth at 300",
            "identity",
            "dreamtuner-no-se@300",
            "dreambooth@300",
            0.0,
        ),
    ]
    found = [
        Claim(words, measure, mean_of(by_subject(table[one], measure) - by_subject(table[other], measure)), least)
        for words, measure, one, other, least in wanted
        if one in table and other in table
    ]
    if (
        "plain" in table
        and "dreamtuner" in table
        and all(PRIOR_METRIC in u.drawn.measures for u in table["dreamtuner"])
    ):
        after = by_subject(table["dreamtuner"], PRIOR_METRIC)
        before = np.array(
            [_first_seeds(result, tuned) for result, tuned in zip(table["plain"], table["dreamtuner"], strict=True)]
        )
        found.append(
            Claim(
                "class prompts: at most 2 points less after fine-tuning with DreamTuner",
                "prompt",
                mean_of(after - before),
                -0.02,
            )
        )
    return found


def _first_seeds(plain: EvaluationResult, tuned: EvaluationResult) -> float:
    """Return the plain model's prompt score on the cells of the prior check: the first seed of each prompt."""
    values = plain.drawn.measures["prompt"]
    return float(values[:: len(values) // len(tuned.drawn.measures[PRIOR_METRIC])].mean())


def mean_of(values: NDArray[np.float64]) -> Mean:
    """Return the mean of values, one for each subject, with its 95 % bootstrap interval."""
    low, high = bootstrap(values)
    return Mean(float(values.mean()), low, high)
