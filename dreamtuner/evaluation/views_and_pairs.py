"""Evaluates the larger world: prompts that name a view or a crop, and prompts of two subjects."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dreamtuner.evaluation.base_model import draw
from dreamtuner.evaluation.intervals import MetricValue, mean_share, share
from dreamtuner.evaluation.measures import IDENTITY
from dreamtuner.pocket.training.autoencoder import pictures_to_model
from dreamtuner.pocket.training.oracle import alone, truth
from dreamtuner.pocket.training.shards import Pair, Picture, draw_pairs, draw_views
from dreamtuner.pocket.world import detailed_caption, pair_caption, visible
from dreamtuner.score.oracle import Oracle

Say = Callable[[str], None]
SIDES = ((1.0, 11.0, 35.0, 62.0), (29.0, 11.0, 63.0, 62.0))
"""Boxes of the left and the right subject in generated images, in pixels: the average of the training images."""


def sample_views(count: int, seeds: range, seed: int = 0) -> list[Picture]:
    """Sample ``count`` images of identities of ``seeds``, without plain front views."""
    drawn = draw_views(random.Random(f"views asked {seed}"), seeds, count)
    return [p for p in drawn if (p.context.view, p.context.framing) != ("front", "full")][:count]


def view_metrics(oracle: Oracle, pipe: Any, requested: Sequence[Picture], say: Say) -> list[MetricValue]:
    """Measure whether images show the view, the framing and the visible part of the identity of their captions."""
    images = draw(pipe, [detailed_caption(p.identity, p.context) for p in requested], say)
    read = _read(oracle, pictures_to_model(images))
    true = [truth(p) for p in requested]
    group = "views"
    rows = [
        share(group, name, np.array([seen[name] == is_[name] for seen, is_ in zip(read, true, strict=True)]))
        for name in ("view", "framing", "scene")
        if name in read[0]
    ]
    seen_of = [visible(p.identity, p.context) for p in requested]
    for name in IDENTITY:
        right = [s[name] == is_[name] for s, is_, shown in zip(read, true, seen_of, strict=True) if name in shown]
        if right:
            rows.append(share(group, f"{name}, where it is visible", np.array(right)))
    return rows


def sample_pairs(count: int, seeds: range, seed: int = 0) -> list[Pair]:
    """Sample ``count`` pairs of identities of ``seeds``, the left subject of each pair first."""
    pairs = draw_pairs(random.Random(f"pairs asked {seed}"), seeds, count)
    return [(a, b) if a.context.x < b.context.x else (b, a) for a, b in pairs]


def pair_metrics(oracle: Oracle, pipe: Any, requested: Sequence[Pair], say: Say) -> list[MetricValue]:
    """Measure whether images of two subjects show, cropped alone, each class on its side with pose and expression."""
    words = [pair_caption([(p.identity, p.context) for p in pair]) for pair in requested]
    sides = read_sides(oracle, draw(pipe, words, say))
    true = [[truth(p) for p in pair] for pair in requested]
    group, rows = "two subjects", []
    for name in ("class_word", "pose", "expression"):
        right = np.array([[sides[k][i][name] == true[i][k][name] for k in (0, 1)] for i in range(len(requested))])
        rows.append(mean_share(group, f"{name}, each", right.mean(1).tolist()))
        if name == "class_word":
            rows.append(share(group, "both classes", [bool(row.all()) for row in right]))
    rows.append(
        share(group, "scene", np.array([sides[0][i]["scene"] == true[i][0]["scene"] for i in range(len(requested))]))
    )
    return rows


def read_sides(oracle: Oracle, images: Sequence[Image.Image]) -> list[list[Mapping[str, str]]]:
    """Classify the left and the right subject of each image; return one list per side."""
    x = pictures_to_model(images)
    return [_read(oracle, alone(x, torch.tensor([box] * len(x)))) for box in SIDES]


def _read(oracle: Oracle, x: Tensor) -> list[Mapping[str, str]]:
    return [seen for part in x.split(100) for seen in oracle.read(part)]
