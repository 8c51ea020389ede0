"""Held-out subjects, their prompts, and the measured images of one subject."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import EXPRESSIONS, POSES, SCENES, STYLES, TEST, Context, caption, render
from dreamtuner.sampling.request import Reference


@dataclass(frozen=True)
class MeasuredSubject:
    """One subject by one method. Each metric has one value per image, in the order of prompts and seeds.

    `pictures`: the images of the first seed of the first prompts.
    """

    subject: Picture
    pictures: list[Image.Image]
    measures: Mapping[str, NDArray[np.float64]]


def held_out_subjects(count: int, seed: int = 0, seeds: range = TEST) -> list[Picture]:
    """Return ``count`` identities of ``seeds``, each standing in its own scene and style."""
    rng = random.Random(f"fidelity {seed}")
    return [
        Picture(rng.choice(seeds), Context(rng.choice(SCENES), "standing", rng.choice(STYLES), size=0.88))
        for _ in range(count)
    ]


def reference_of(picture: Picture) -> Reference:
    """Return the subject's reference with the renderer's exact mask and control images, and its plain caption."""
    drawn = render([picture.identity], [picture.context])
    image, mask, depth, pose = (
        (layer[0].permute(1, 2, 0) * 255).round().byte().numpy()
        for layer in (drawn.image, drawn.mask, drawn.depth.expand(-1, 3, -1, -1), drawn.pose)
    )
    return Reference(
        Image.fromarray(image),
        Image.fromarray(mask[..., 0]),
        caption(picture.identity, picture.context),
        {"depth": Image.fromarray(depth), "pose": Image.fromarray(pose)},
    )


def held_out_contexts(subject: Picture, prompts: int) -> list[Context]:
    """Return ``prompts`` contexts: other scenes than the reference's, all poses, an expression in every second one."""
    rng = random.Random(f"asked {subject.identity_seed}")
    scenes = [scene for scene in SCENES if scene != subject.context.scene]
    return [
        Context(
            scenes[i % len(scenes)],
            POSES[i % len(POSES)],
            subject.context.style,
            rng.choice(EXPRESSIONS[1:]) if i % 2 else "neutral",
        )
        for i in range(prompts)
    ]
