"""Measures what several references add: identity of what the first one hides, and of what it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamtuner.evaluation.ablations import Mean
from dreamtuner.evaluation.cache import EvaluationCache
from dreamtuner.evaluation.result import EvaluationResult
from dreamtuner.evaluation.run import Bench, measure_methods
from dreamtuner.evaluation.table1.summary import mean_of
from dreamtuner.evaluation.untrained.method import ALONE, rows_of
from dreamtuner.evaluation.untrained.views import HIDING, HidingSubject

ALL = "all"
"""The group of all kinds of first picture together."""


@dataclass(frozen=True)
class Seen:
    """One subject with the results of its rows, by name."""

    subject: HidingSubject
    results: Mapping[str, EvaluationResult]


@dataclass(frozen=True)
class ReferenceFigures:
    """Shares of one row over the subjects of a group, each 0..1 with its 95 % interval over subjects.

    ``hides``: the kind of the first picture, or ``ALL``; ``hidden`` and ``shown``: the attributes of the subject that
    the first picture hides and shows, as the oracle reads them in the images; ``gain``: how much more of the hidden
    ones than with the first picture alone, subject by subject; ``chance``: what a guess gets right of the hidden ones.
    """

    hides: str
    row: str
    subjects: int
    images: int
    hidden: Mean
    gain: Mean
    shown: Mean
    prompt: Mean
    copying: Mean
    chance: float


def measure_references(
    bench: Bench,
    cache: EvaluationCache,
    subjects: Sequence[HidingSubject],
    prompts: int,
    say: Callable[[str], None],
    changes: Mapping[str, float] | None = None,
    weight: float = 1.0,
) -> list[Seen]:
    """Measure every row of every subject. Cached cells are not measured again.

    `changes` update the profile's settings; `weight`: that of pictures that hide, beside the one that shows.

    Captions name view and crop if the weights were trained with them, which their oracle tells: it then reads views.
    """
    worded = "view" in bench.oracle.heads
    found = []
    for number, subject in enumerate(subjects, 1):
        rows = rows_of(subject, worded=worded, changes=changes or {}, weight=weight)
        head = f"{number}/{len(subjects)} ({subject.kind}), "

        def told(line: str, head: str = head) -> None:
            say(head + line.split(", ", 1)[-1])  # a line about waiting has no number of the subject

        results = measure_methods(bench, cache, rows, [subject.first], prompts, 1, told)
        found.append(Seen(subject, {name: one for name, (one,) in results.items()}))
    return found


def figures(measured: Sequence[Seen]) -> list[ReferenceFigures]:
    """Return the figures of all subjects, then those by the kind of the first picture."""
    groups = {ALL: list(measured)}
    groups |= {kind: [one for one in measured if one.subject.kind == kind] for kind in HIDING}
    return [_figures(name, row, ours) for name, ours in groups.items() if ours for row in ours[0].results]


def _figures(group: str, row: str, measured: Sequence[Seen]) -> ReferenceFigures:
    hidden = np.array([_share(one, row, one.subject.hidden) for one in measured])
    alone = np.array([_share(one, ALONE, one.subject.hidden) for one in measured])
    of_row = [one.results[row].drawn.measures for one in measured]
    return ReferenceFigures(
        hides=group,
        row=row,
        subjects=len(measured),
        images=sum(len(values["prompt"]) for values in of_row),
        hidden=mean_of(hidden),
        gain=mean_of(hidden - alone),
        shown=mean_of(np.array([_share(one, row, one.subject.shown) for one in measured])),
        prompt=mean_of(_means(of_row, "prompt")),
        copying=mean_of(_means(of_row, "copying")),
        chance=float(np.mean([one.subject.chance for one in measured])),
    )


def _share(one: Seen, row: str, names: Sequence[str]) -> float:
    """Return the share of these attributes that a subject's images of a row show, 0..1."""
    return float(np.mean([one.results[row].drawn.measures[name] for name in names]))


def _means(each: Sequence[Mapping[str, NDArray[np.float64]]], name: str) -> NDArray[np.float64]:
    return np.array([values[name].mean() for values in each])
