"""How different the images of one prompt are that differ in their seed alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.baselines.masactrl import MasaCtrl
from dreamtuner.baselines.method import Method
from dreamtuner.baselines.plain import Plain
from dreamtuner.baselines.training_free import Attending
from dreamtuner.evaluation.ablations import Mean
from dreamtuner.evaluation.measures import IDENTITY
from dreamtuner.evaluation.result import EvaluationResult
from dreamtuner.evaluation.table1.summary import by_subject, mean_of
from dreamtuner.pocket.training.autoencoder import pictures_to_model
from dreamtuner.score.clip import ClipModel
from dreamtuner.score.oracle import Oracle

INVERSIONS = (0.0, 0.5, 0.7, 1.0)
APART = ("pixels", "clip", "outline", "attributes")


def methods_of_seeds(inversions: Sequence[float] = INVERSIONS) -> dict[str, Method]:
    """Return the methods to compare: the plain model, the method at each share of inversion, and MasaCtrl."""
    shares = {f"a = {a:g}": Attending(f"inversion {a:g}", {"inversion": a}) for a in inversions}
    return {"plain": Plain(), **shares, "masactrl": MasaCtrl()}


def apart(oracle: Oracle, tower: ClipModel, images: Sequence[Image.Image]) -> dict[str, float]:
    """Return how far two images are apart on average, over all pairs of images of one prompt. 0: all are equal.

    - ``pixels``: root mean square difference of colours, 0..1;
    - ``clip``: 1 - cosine of the embeddings of the profile's CLIP model, 0..2;
    - ``outline``: 1 - IoU of the subject's silhouettes, 0..1;
    - ``attributes``: the share of the identity's attributes that the oracle reads differently, 0..1.

    Raises ValueError for fewer than two images.
    """
    if len(images) < 2:
        raise ValueError(f"images: {len(images)} of a prompt have no distance; give two or more")
    x = pictures_to_model(list(images))
    colours, inside, read = x / 2 + 0.5, oracle.silhouette(x), oracle.read(x)
    vectors = tower.embed_images(images)
    pairs = list(combinations(range(len(images)), 2))
    each = {
        "pixels": [(colours[i] - colours[j]).square().mean().sqrt() for i, j in pairs],
        "clip": [1 - vectors[i] @ vectors[j] for i, j in pairs],
        "outline": [1 - (inside[i] & inside[j]).sum() / (inside[i] | inside[j]).sum().clamp_min(1) for i, j in pairs],
    }
    found = {name: float(torch.stack(values).double().mean()) for name, values in each.items()}
    found["attributes"] = float(np.mean([[read[i][name] != read[j][name] for name in IDENTITY] for i, j in pairs]))
    return found


@dataclass(frozen=True)
class SeedFigures:
    """A method over subjects, each value with its 95 % interval over subjects: the distances of `apart`, and shares."""

    method: str
    subjects: int
    apart: Mapping[str, Mean]
    identity: Mean
    prompt: Mean
    copying: Mean


def seed_figures(
    name: str,
    results: Sequence[EvaluationResult],
    images: Sequence[Sequence[Image.Image]],
    seeds: int,
    oracle: Oracle,
    tower: ClipModel,
) -> SeedFigures:
    """Return a method's figures. `images`: those of each subject, `seeds` of each prompt in turn."""
    rows: list[NDArray[np.float64]] = []
    for of_subject in images:
        prompts = [of_subject[i : i + seeds] for i in range(0, len(of_subject), seeds)]
        found = [apart(oracle, tower, one) for one in prompts]
        rows.append(np.array([np.mean([one[what] for one in found]) for what in APART]))
    values = np.stack(rows)
    shares = {what: mean_of(by_subject(results, what)) for what in ("identity", "prompt", "copying")}
    return SeedFigures(name, len(results), {what: mean_of(values[:, i]) for i, what in enumerate(APART)}, **shares)
