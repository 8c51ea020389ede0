"""The prior-preservation check: how well prompts that do not name the subject still work."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from dreamtuner.families.backbone import Backbone
from dreamtuner.pocket.training.autoencoder import pictures_to_model
from dreamtuner.pocket.world import POSES, SCENES, STYLES
from dreamtuner.pocket.world.captions import MEDIUM
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell
from dreamtuner.score.oracle import Oracle

PICTURES = 36


def class_prompt_accuracy(
    backbone: Backbone,
    oracle: Oracle,
    class_word: str,
    *,
    count: int = PICTURES,
    on_step: Callable[[int, int], None] | None = None,
) -> float:
    """Return the share of class, scene, pose and style, 0..1, of the prompts that the oracle finds in the images.

    The prompts name only the class word, in every scene and pose; the images are generated without a reference, from
    the same noise before and after fine-tuning.
    """
    rng = random.Random(f"guard {class_word}")
    requested = [
        {"class_word": class_word, "scene": SCENES[i % 6], "pose": POSES[i // 6 % 6], "style": rng.choice(STYLES)}
        for i in range(count)
    ]
    cells = [
        Cell(f"{MEDIUM[one['style']]} a {class_word} {one['scene']}, {one['pose']}", seed)
        for seed, one in enumerate(requested)
    ]
    sampling = backbone.profile.sampling("natural", w_ref=0, beta=0)
    read = oracle.read(pictures_to_model(generate(backbone, None, cells, sampling, on_step=on_step)))
    return float(
        np.mean([seen[name] == value for seen, one in zip(read, requested, strict=True) for name, value in one.items()])
    )
