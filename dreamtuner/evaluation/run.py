"""Runs the evaluation: all methods of a subject, then the next subject, so that a stop leaves complete subjects."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from dreamtuner.baselines.method import BATCH, Given, Method
from dreamtuner.evaluation.cache import EvaluationCache
from dreamtuner.evaluation.cells import ImageRequest, Measured, image_requests
from dreamtuner.evaluation.held_out import reference_of
from dreamtuner.evaluation.measures import measure
from dreamtuner.evaluation.result import EvaluationResult
from dreamtuner.families.backbone import Backbone
from dreamtuner.families.registry import load_backbone
from dreamtuner.models.profiles import Profile
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import detailed_caption
from dreamtuner.sampling.request import Cell
from dreamtuner.score.clip import ClipModel, load_clip
from dreamtuner.score.oracle import Oracle

T = TypeVar("T")
PRIOR_METRIC = "class_word_prompt"
"""The metric of prior preservation: the prompt score of cells without the learned token."""
POLL_SECONDS = 1.0
"""Seconds between checks of subjects that another process is measuring."""


@dataclass(frozen=True, eq=False)
class Bench:
    """The models of an evaluation: the backbone that generates, the oracle and the CLIP model that measure."""

    backbone: Backbone
    profile: Profile
    oracle: Oracle
    tower: ClipModel

    @classmethod
    def load(cls, profile: Profile, device: str = "cpu") -> Bench:
        """Load the profile's backbone, oracle and CLIP model."""
        return cls(
            load_backbone(profile, device=device),
            profile,
            Oracle.load(profile.weights / "oracle"),
            load_clip(profile, device=device),
        )


def measure_cells(
    bench: Bench, method: Method, subject: Picture, cells: Sequence[ImageRequest], work_dir: Path
) -> Iterator[tuple[Sequence[ImageRequest], list[Measured], list[Image.Image]]]:
    """Prepare a method for a subject, then generate and measure its cells; yields BATCH cells at a time.

    Every method starts from the same noise. `work_dir`: the folder of its training, if it has one.
    """
    reference = reference_of(subject)
    given = Given(
        reference,
        subject.identity.class_word,
        subject.context.style,
        detailed_caption(subject.identity, subject.context),
        bench.profile.sampling(subject.context.style),
        work_dir,
    )
    started = time.perf_counter()
    prepared = method.prepare(bench.backbone, given)
    prepare_s = time.perf_counter() - started + prepared.spent_s
    for begin in range(0, len(cells), BATCH):
        batch = cells[begin : begin + BATCH]
        started = time.perf_counter()
        images = prepared.generate([Cell(cell.prompt(subject), cell.seed) for cell in batch])
        picture_s = (time.perf_counter() - started) / len(batch)
        contexts = [cell.context for cell in batch]
        values = measure(bench.oracle, bench.tower, subject, reference, contexts, images)
        found = [{name: float(of_all[i]) for name, of_all in values.items()} for i in range(len(batch))]
        firsts = [i for i, cell in enumerate(batch) if cell.first]
        if prepared.class_word is not None and firsts:
            plain = prepared.class_word([Cell(batch[i].prompt(subject), batch[i].seed) for i in firsts])
            left = measure(bench.oracle, bench.tower, subject, reference, [contexts[i] for i in firsts], plain)
            for i, value in zip(firsts, left["prompt"], strict=True):
                found[i][PRIOR_METRIC] = float(value)
        yield batch, [Measured(one, prepare_s, picture_s) for one in found], images


def measure_methods(
    bench: Bench,
    cache: EvaluationCache,
    methods: Mapping[str, Method],
    subjects: Sequence[Picture],
    prompts: int,
    seeds: int,
    say: Callable[[str], None],
    *,
    all_images: bool = False,
) -> dict[str, list[EvaluationResult]]:
    """Return every method's results, in the order of the subjects. Cached cells are not measured again.

    `all_images`: as in `EvaluationCache.missing`.
    """

    def measure(i: int, say_of_it: Callable[[str], None]) -> dict[str, EvaluationResult]:
        cells = image_requests(subjects[i], prompts, seeds)
        found = measure_subject(bench, cache, methods, subjects[i], cells, say_of_it, all_images=all_images)
        cache.remove_work_dirs(methods.values(), subjects[i])
        return found

    found = shared(cache, subjects, measure, say)
    return {name: [one[name] for one in found] for name in methods}


def shared(
    cache: EvaluationCache,
    subjects: Sequence[Picture],
    measure: Callable[[int, Callable[[str], None]], T],
    say: Callable[[str], None],
) -> list[T]:
    """Return what `measure(i, say)` returns of each subject, in order.

    Processes that run at the same time share the subjects: each measures one that no other has locked.
    """
    found: dict[int, T] = {}
    reported = False
    while len(found) < len(subjects):
        before = len(found)
        for i, subject in enumerate(subjects):
            if i in found:
                continue
            with cache.locked(subject) as mine:
                if mine:
                    found[i] = measure(i, partial(_say_of_subject, say, f"subject {i + 1}/{len(subjects)}"))
        if len(found) == before:
            if not reported:
                say(f"waiting for {len(subjects) - before} subjects that another process is measuring")
            reported = True
            time.sleep(POLL_SECONDS)
    return [found[i] for i in range(len(subjects))]


def _say_of_subject(say: Callable[[str], None], subject: str, line: str) -> None:
    say(f"{subject}, {line}")


def measure_subject(
    bench: Bench,
    cache: EvaluationCache,
    methods: Mapping[str, Method],
    subject: Picture,
    cells: Sequence[ImageRequest],
    say: Callable[[str], None],
    *,
    all_images: bool = False,
) -> dict[str, EvaluationResult]:
    """Measure these cells of one subject, which is locked, with every method. Cached ones are not measured again.

    `all_images`: as in `EvaluationCache.missing`.
    """
    results = {}
    for name, method in methods.items():
        result = cache.result(method, subject, cells, all_images=all_images)
        if result is None:
            missing = cache.missing(method, subject, cells, all_images=all_images)
            for done in measure_cells(bench, method, subject, missing, cache.work_dir(method, subject)):
                cache.save(method, subject, *done)
            result = cache.result(method, subject, cells, all_images=all_images)
            if result is None:
                raise RuntimeError(f"{method.name}: stored cells are missing; is the catalog being restored?")
            found = {what: float(np.mean(result.drawn.measures[what])) for what in ("identity", "prompt")}
            say(
                f"{method.name}: identity {100 * found['identity']:.0f} %, prompt {100 * found['prompt']:.0f} %, "
                f"{result.prepare_s:.0f} s + {result.picture_s:.2f} s a picture"
            )
        results[name] = result
    return results


def finished(
    cache: EvaluationCache, methods: Mapping[str, Method], subjects: Sequence[Picture], prompts: int, seeds: int
) -> dict[str, list[EvaluationResult]]:
    """Return the results of the subjects that all methods have finished, for the table of an interrupted run."""
    table: dict[str, list[EvaluationResult]] = {name: [] for name in methods}
    for subject in subjects:
        cells = image_requests(subject, prompts, seeds)
        results = {name: cache.result(method, subject, cells) for name, method in methods.items()}
        whole = {name: result for name, result in results.items() if result is not None}
        if len(whole) == len(methods):
            for name, result in whole.items():
                table[name].append(result)
    return table
