"""Measures local edits of a picture: whether what is asked changes, and whether the rest stays as it was."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from dreamtuner.baselines.method import Method
from dreamtuner.baselines.training_free import Attending
from dreamtuner.evaluation.ablations import Mean
from dreamtuner.evaluation.cache import EvaluationCache
from dreamtuner.evaluation.cells import SEEDS_APART, ImageRequest
from dreamtuner.evaluation.from_pictures.method import Editing
from dreamtuner.evaluation.held_out import held_out_contexts
from dreamtuner.evaluation.measures import IDENTITY
from dreamtuner.evaluation.run import Bench, measure_subject, shared
from dreamtuner.evaluation.table1.summary import mean_of
from dreamtuner.pocket.training.autoencoder import pictures_to_model
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import EXPRESSIONS, POSES, SCENES, Context
from dreamtuner.score.oracle import Oracle

AXES: Mapping[str, Sequence[str]] = {"expression": EXPRESSIONS, "pose": POSES, "scene": SCENES}
"""What an edit changes, one of them at a time, with the values that there are."""
ALL = "all"
"""The group of all edits together."""
PROMPT_ALONE = "prompt alone"
"""The row of the baseline: the changed prompt at the same seed, without the picture."""
BY_PROMPT = Attending(PROMPT_ALONE, printed=False)
"""What makes the pictures that are edited, and the baseline: the profile's settings, as `Editing` has them too."""


@dataclass(frozen=True)
class Edit:
    """One edit of a picture: ``changed`` differs from ``original`` in one part of its context, at the same seed."""

    axis: str
    original: ImageRequest
    changed: ImageRequest


@dataclass(frozen=True)
class EditRow:
    """How pictures are edited: ``weight`` None is the baseline, the changed prompt alone.

    A background that is kept is not asked to be another scene. ``other_seed``: edits do not start from the noise of the
    picture.
    """

    name: str
    weight: float | None = None
    keep_background: bool = False
    other_seed: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        """What it is asked to change."""
        return tuple(axis for axis in AXES if axis != "scene" or not self.keep_background)

    def cell(self, edit: Edit) -> ImageRequest:
        """Return the image that is to come of an edit."""
        return replace(edit.changed, seed=edit.changed.seed + SEEDS_APART) if self.other_seed else edit.changed

    def method(self, subject: Picture, original: ImageRequest) -> Method:
        """Return the method that edits this picture of a subject."""
        if self.weight is None:
            return BY_PROMPT
        name = self.name.removesuffix(", other seed")
        return Editing(name, original.prompt(subject), original.seed, self.weight, self.keep_background)


def edits_of(subject: Picture, originals: int) -> list[Edit]:
    """Return three edits, one of each of ``AXES``, of each of a subject's first ``originals`` prompts."""
    rng = random.Random(f"edits {subject.identity_seed}")
    found = []
    for seed, context in enumerate(held_out_contexts(subject, originals)):
        for axis, values in AXES.items():
            others = [one for one in values if one not in (getattr(context, axis), "neutral")]
            changed = Context(**{**vars(context), axis: rng.choice(others)})
            found.append(Edit(axis, ImageRequest(context, seed), ImageRequest(changed, seed)))
    return found


def edit_rows(weights: Sequence[float], *, backgrounds: bool = True) -> list[EditRow]:
    """Return the rows: the prompt alone, the picture at each weight, with its background kept, and by another seed.

    With backgrounds there is also one of which the background alone is kept.
    """
    free = [EditRow(f"weight {weight:g}", weight) for weight in weights]
    kept = [replace(one, name=f"{one.name}, background kept", keep_background=True) for one in free]
    alone = EditRow(PROMPT_ALONE)
    elsewhere = [replace(one, name=f"{one.name}, other seed", other_seed=True) for one in (alone, *free)]
    ground = EditRow("background kept alone", 0.0, keep_background=True)
    return [alone, *free, *([ground, *kept] if backgrounds else []), *elsewhere]


@dataclass(frozen=True)
class Edited:
    """One subject with the pictures that were edited, by request, and by row its edits, each with what came of it."""

    subject: Picture
    originals: Mapping[ImageRequest, Image.Image]
    images: Mapping[str, Sequence[tuple[Edit, Image.Image]]]


def measure_edits(
    bench: Bench,
    cache: EvaluationCache,
    subjects: Sequence[Picture],
    originals: int,
    rows: Sequence[EditRow],
    say: Callable[[str], None],
) -> list[Edited]:
    """Generate every edit of every subject by every row. Cached images are not generated again.

    Processes that run at the same time share the subjects, as in `measure_methods`.
    """
    edits = [edits_of(subject, originals) for subject in subjects]

    def measure(i: int, say_of_it: Callable[[str], None]) -> Edited:
        subject, ours = subjects[i], edits[i]
        firsts = list(dict.fromkeys(one.original for one in ours))
        measure_subject(bench, cache, {"original": BY_PROMPT}, subject, firsts, say_of_it, all_images=True)
        found: dict[str, list[tuple[Edit, Image.Image]]] = {}
        for row in rows:
            found[row.name] = []
            for original in firsts:
                asked = [one for one in ours if one.original == original and one.axis in row.axes]
                method, cells = row.method(subject, original), [row.cell(one) for one in asked]
                measure_subject(bench, cache, {row.name: method}, subject, cells, say_of_it, all_images=True)
                found[row.name] += zip(asked, cache.pictures(method, subject, cells), strict=True)
        return Edited(subject, dict(zip(firsts, cache.pictures(BY_PROMPT, subject, firsts), strict=True)), found)

    return shared(cache, subjects, measure, say)


@dataclass(frozen=True)
class EditFigures:
    """Shares of one row over subjects, each 0..1 with its 95 % interval over subjects.

    ``axis``: what the edits change, or ``ALL``; ``asked``: edits of which the oracle reads the changed part as asked;
    ``kept``: attributes of the subject and the other parts of the prompt that are read as in the original;
    ``attributes``, ``others``: those of the subject alone, and those of the prompt alone; ``background``: mean
    difference of colours from the original outside of both silhouettes.
    """

    axis: str
    row: str
    subjects: int
    edits: int
    asked: Mean
    kept: Mean
    attributes: Mean
    others: Mean
    background: Mean


_PROMPT = ("class_word", "style", *AXES)
_FIGURES = ("asked", "kept", "attributes", "others", "background")


def edit_figures(measured: Sequence[Edited], oracle: Oracle) -> list[EditFigures]:
    """Return the figures of all edits, then those of each part that edits change, row by row."""
    read = {row: [_read(one, row, oracle) for one in measured] for row in (measured[0].images if measured else ())}
    found = []
    for axis in (ALL, *AXES):
        for row, subjects in read.items():
            each = [[one for one in ours if axis in (ALL, one["axis"])] for ours in subjects]
            if all(each):
                found.append(_figures(axis, row, each))
    return found


def _read(one: Edited, row: str, oracle: Oracle) -> list[dict[str, Any]]:
    """Return of every edit of a row what it changes, and its figures by name."""
    edits = [edit for edit, _ in one.images[row]]
    before_x = pictures_to_model([one.originals[edit.original] for edit in edits])
    after_x = pictures_to_model([image for _, image in one.images[row]])
    ground = ~(oracle.silhouette(before_x) | oracle.silhouette(after_x))
    apart = ((after_x - before_x).abs().mean(1) / 2 * ground).sum((1, 2)) / ground.sum((1, 2)).clamp_min(1)
    found = []
    for i, (edit, was, now) in enumerate(zip(edits, oracle.read(before_x), oracle.read(after_x), strict=True)):
        others = [what for what in _PROMPT if what != edit.axis]
        same = {what: was[what] == now[what] for what in (*IDENTITY, *others)}
        found.append(
            {
                "axis": edit.axis,
                "asked": float(now[edit.axis] == getattr(edit.changed.context, edit.axis)),
                "kept": float(np.mean(list(same.values()))),
                "attributes": float(np.mean([same[what] for what in IDENTITY])),
                "others": float(np.mean([same[what] for what in others])),
                "background": float(apart[i]),
            }
        )
    return found


def _figures(axis: str, row: str, subjects: Sequence[Sequence[Mapping[str, Any]]]) -> EditFigures:
    means = {
        name: mean_of(np.array([np.mean([edit[name] for edit in edits]) for edits in subjects])) for name in _FIGURES
    }
    return EditFigures(axis, row, len(subjects), sum(map(len, subjects)), **means)
