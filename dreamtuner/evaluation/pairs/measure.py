"""Generates pairs and measures, box by box, whose attributes the oracle reads there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import nan
from typing import Any

import numpy as np
import torch
from PIL import Image

from dreamtuner.evaluation.ablations import Mean
from dreamtuner.evaluation.cache import EvaluationCache
from dreamtuner.evaluation.cells import Measured, NewCell
from dreamtuner.evaluation.measures import IDENTITY
from dreamtuner.evaluation.pairs.request import PairRequest
from dreamtuner.evaluation.run import Bench
from dreamtuner.evaluation.table1.summary import mean_of
from dreamtuner.families.backbone import Backbone
from dreamtuner.pocket.training.autoencoder import pictures_to_model
from dreamtuner.pocket.training.oracle import alone, truth
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell
from dreamtuner.sampling.scenes.generate import generate_scene
from dreamtuner.sampling.scenes.request import SceneSubject
from dreamtuner.score.oracle import Oracle
from dreamtuner.settings.recipe_fields import to_fields
from dreamtuner.settings.regions import Box
from dreamtuner.settings.sampling import Sampling

TOGETHER, BOXES, POSED = "both everywhere", "each in its box", "in its box, posed"
WIDE = "each in its half of a wide image"
ROWS = (TOGETHER, BOXES, POSED, WIDE)
"""Both references are seen everywhere, with the words of the pair; by region; led by both skeletons, too; and by region
in an image twice as wide, in which each subject has as much room as in an image of its own."""
HALVES: tuple[Box, Box] = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
"""The regions of a wide image."""
WANTED = 0.70
"""Share of its attributes that the weaker subject of a pair should have."""
VERSION = 1
"""Increment it when equal images would be generated or measured differently: cached ones are then not used."""


def drawn(backbone: Backbone, one: PairRequest, row: str, sampling: Sampling) -> Image.Image:
    """Generate a pair by one of ROWS."""
    cell = Cell(one.prompt, one.seed, {"pose": one.pose} if row == POSED else {})
    if row == TOGETHER:
        return generate(backbone, [one.reference(each) for each in one.pair], [cell], sampling)[0]
    regions = [(each, one.regions[each]) for each in one.back_to_front]
    if row == WIDE:
        regions, sampling = list(zip(one.pair, HALVES, strict=True)), _widened(sampling)
    subjects = [SceneSubject([one.reference(each)], region, one.prompt_of(each)) for each, region in regions]
    return generate_scene(backbone, subjects, one.pair[0].context.scene, [cell], sampling)[0]


def _widened(sampling: Sampling) -> Sampling:
    """Return settings of an image twice as wide, with references as large as before."""
    side = sampling.resolution
    return Sampling.model_validate(sampling.merged({"size": f"{2 * side}x{side}", "reference_resolution": side}))


def _read_alone(oracle: Oracle, one: PairRequest, image: Image.Image) -> list[Mapping[str, str]]:
    """Read each subject of an image alone: its half of a wide image, otherwise its box."""
    if image.width > image.height:
        middle = image.width // 2
        halves = [image.crop((0, 0, middle, image.height)), image.crop((middle, 0, image.width, image.height))]
        return list(oracle.read(pictures_to_model(halves)))
    x = pictures_to_model([image])
    return [oracle.read(alone(x, torch.tensor([one.boxes[each]])))[0] for each in one.pair]


def measure_pair(oracle: Oracle, one: PairRequest, image: Image.Image) -> dict[str, float]:
    """Read each box of an image alone. Shares in 0..1; NaN where two subjects differ in nothing.

    - ``weaker``, ``stronger``: the share of its attributes that the box of a subject shows, of the two;
    - ``leakage``: where the two differ, the share of attributes in which a box reads as the other's; ``chance``: the
      share in which a box of random attributes would;
    - ``classes``: boxes of the right class; ``both``: whether both are; ``poses``: of the right pose; ``scene``.

    A wide image is read half by half.
    """
    true = [truth(each) for each in one.pair]
    read = _read_alone(oracle, one, image)
    whole = read if image.width > image.height else oracle.read(pictures_to_model([image]))
    own = [float(np.mean([read[k][name] == true[k][name] for name in IDENTITY])) for k in (0, 1)]
    differ = [name for name in IDENTITY if true[0][name] != true[1][name]]
    leaked = [read[k][name] == true[1 - k][name] for k in (0, 1) for name in differ]
    classes = [read[k]["class_word"] == true[k]["class_word"] for k in (0, 1)]
    return {
        "weaker": min(own),
        "stronger": max(own),
        "leakage": float(np.mean(leaked)) if differ else nan,
        "chance": float(np.mean([1 / len(oracle.heads[name]) for name in differ])) if differ else nan,
        "classes": float(np.mean(classes)),
        "both": float(all(classes)),
        "poses": float(np.mean([read[k]["pose"] == true[k]["pose"] for k in (0, 1)])),
        "scene": float(np.mean([each["scene"] == true[0]["scene"] for each in whole])),
    }


@dataclass(frozen=True)
class PairFigures:
    """A row over pairs: the measures of `measure_pair`, each with its 95 % interval over pairs, and seconds a pair."""

    row: str
    pairs: int
    measures: Mapping[str, Mean]
    picture_s: float


def measure_pairs(
    bench: Bench,
    cache: EvaluationCache,
    requests: Sequence[PairRequest],
    rows: Sequence[str],
    say: Callable[[str], None],
    *,
    pictured: int = 0,
    inversion: float | None = None,
) -> list[PairFigures]:
    """Measure every row of every pair. Cached images are not generated again, so it can be interrupted.

    `inversion`: instead of the profile's. `pictured`: of how many pairs, the first ones, `pictures_of` will be needed:
    those that are lost are made again.
    """
    return [_row(bench, cache, requests, row, say, pictured, inversion) for row in rows]


def _row(
    bench: Bench,
    cache: EvaluationCache,
    requests: Sequence[PairRequest],
    row: str,
    say: Callable[[str], None],
    pictured: int,
    inversion: float | None,
) -> PairFigures:
    changes: dict[str, Any] = {} if inversion is None else {"inversion": inversion}
    digests = [digest_of(cache, one, row, inversion) for one in requests]
    there = dict(cache.cells.measured(digests))
    lost = set(digests[:pictured]).difference(cache.cells.pictures(digests[:pictured]))
    for number, (one, digest) in enumerate(zip(requests, digests, strict=True), 1):
        if digest in there and digest not in lost:
            continue
        start = time.perf_counter()
        image = drawn(bench.backbone, one, row, bench.profile.sampling(one.pair[0].context.style, **changes))
        took = time.perf_counter() - start
        there[digest] = Measured(measure_pair(bench.oracle, one, image), 0.0, took)
        who = "+".join(str(each.identity_seed) for each in one.pair)
        cache.cells.save([NewCell(digest, f"pair, {row}", who, one.prompt, one.seed, there[digest], image)])
        if number % 10 == 0 or number == len(requests):
            say(f"{row}: {number}/{len(requests)}, {took:.1f} s a pair")
    measured = [there[digest] for digest in digests]
    values = {name: np.array([each.measures[name] for each in measured]) for name in measured[0].measures}
    means = {name: mean_of(each[~np.isnan(each)]) for name, each in values.items()}
    return PairFigures(row, len(requests), means, float(np.mean([each.picture_s for each in measured])))


def digest_of(cache: EvaluationCache, one: PairRequest, row: str, inversion: float | None = None) -> str:
    """Return the key of a pair's image in the cache."""
    pair = [[each.identity_seed, to_fields(each.context)] for each in one.pair]
    decided = {**cache.decided, "pairs": VERSION, "row": row, "pair": pair, "seed": one.seed}
    if inversion is not None:
        decided["inversion"] = inversion
    if row == POSED:
        decided["controlnet"] = cache.pose_controlnet
    return sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()


def pictures_of(
    cache: EvaluationCache, requests: Sequence[PairRequest], row: str, inversion: float | None = None
) -> list[Image.Image]:
    """Return the images of measured pairs. Raises KeyError if one is missing or damaged."""
    digests = [digest_of(cache, one, row, inversion) for one in requests]
    found = cache.cells.pictures(digests)
    return [found[digest] for digest in digests]
