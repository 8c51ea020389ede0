"""How much of a subject the method carries: pictures of held-out subjects, read by the oracle, scored by the tower."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.backbone import Backbone
from dreamtuner.batch import generate
from dreamtuner.pocket.measure import measure
from dreamtuner.pocket.shards import Picture
from dreamtuner.pocket.world import EXPRESSIONS, POSES, SCENES, STYLES, TEST, Context, caption, render
from dreamtuner.profiles import Profile
from dreamtuner.request import Cell, Reference
from dreamtuner.score.oracle import Oracle
from dreamtuner.score.tower import Tower


@dataclass(frozen=True)
class Variant:
    """One way to draw: what differs from the profile's defaults. `encoder` names another subject-encoder's folder."""

    name: str
    sampling: Mapping[str, object] = field(default_factory=dict)
    masked: bool = True
    captioned: bool = True
    encoder: str | None = None


@dataclass(frozen=True)
class Drawn:
    """One subject by one variant. Each measure holds one value a picture, in the order of the prompts and seeds."""

    subject: Picture
    pictures: list[Image.Image]
    measures: Mapping[str, NDArray[np.float64]]


def held_out_subjects(count: int, seed: int = 0, seeds: range = TEST) -> list[Picture]:
    """``count`` identities of ``seeds``, each standing in a scene and style of its own."""
    rng = random.Random(f"fidelity {seed}")
    return [
        Picture(rng.choice(seeds), Context(rng.choice(SCENES), "standing", rng.choice(STYLES), size=0.88))
        for _ in range(count)
    ]


def reference_of(picture: Picture) -> Reference:
    """The subject's reference with the renderer's exact mask and layouts, and its plain caption."""
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


def asked_of(subject: Picture, prompts: int) -> list[Context]:
    """``prompts`` contexts for a subject: scenes other than the reference's, all poses, every second an expression."""
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


def draw_subject(
    backbone: Backbone,
    profile: Profile,
    oracle: Oracle,
    tower: Tower,
    subject: Picture,
    variant: Variant,
    prompts: int,
    seeds: int,
) -> Drawn:
    """Draw ``prompts`` x ``seeds`` pictures of one subject by one variant, and measure them (``pocket.measure``)."""
    asked = [context for context in asked_of(subject, prompts) for _ in range(seeds)]
    words = [caption(subject.identity, context) for context in asked]
    whole = reference_of(subject)
    reference = replace(
        whole, mask=whole.mask if variant.masked else None, caption=whole.caption if variant.captioned else ""
    )
    cells = [Cell(prompt, seed) for seed, prompt in enumerate(words)]
    images = generate(backbone, reference, cells, profile.sampling(subject.context.style, **variant.sampling))
    return Drawn(subject, images, measure(oracle, tower, subject, whole, asked, images))


def draw_variant(
    backbone: Backbone,
    profile: Profile,
    oracle: Oracle,
    tower: Tower,
    subjects: Sequence[Picture],
    variant: Variant,
    prompts: int,
    seeds: int,
    on_subject: Callable[[int], None] = lambda done: None,
) -> list[Drawn]:
    """All subjects by one variant; ``on_subject`` is told how many are done."""
    drawn = []
    for done, subject in enumerate(subjects, start=1):
        drawn.append(draw_subject(backbone, profile, oracle, tower, subject, variant, prompts, seeds))
        on_subject(done)
    return drawn
