"""How much of a subject S-S-A carries: the oracle reads drawn pictures, with the reference and without."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from PIL import Image

from dreamtuner.backbone import Backbone
from dreamtuner.batch import generate
from dreamtuner.pocket.autoencoder import pictures_to_model
from dreamtuner.pocket.shards import Picture
from dreamtuner.pocket.world import SCENES, STYLES, TEST, Context, caption, render
from dreamtuner.pocket.world.identity import ATTRIBUTES
from dreamtuner.profiles import Profile
from dreamtuner.request import Cell, Reference
from dreamtuner.score.oracle import Oracle

IDENTITY = tuple(name for name in ATTRIBUTES if name != "class_word")
POSES_ASKED = ("standing", "arms up", "waving", "sitting")


@dataclass(frozen=True)
class Share:
    """A share of pictures, with the half width of its 95 % interval over subjects (0..1)."""

    mean: float
    half_width: float


def held_out_subjects(count: int, seed: int = 0) -> list[Picture]:
    """``count`` test identities, each standing in a scene and style of its own."""
    rng = random.Random(f"fidelity {seed}")
    return [
        Picture(rng.choice(TEST), Context(rng.choice(SCENES), "standing", rng.choice(STYLES), size=0.88))
        for _ in range(count)
    ]


def reference_of(picture: Picture) -> Reference:
    """The subject's reference with the renderer's exact mask and its plain caption."""
    drawn = render([picture.identity], [picture.context])
    pixels = (drawn.image[0].permute(1, 2, 0) * 255).round().byte().numpy()
    mask = (drawn.mask[0, 0] * 255).round().byte().numpy()
    return Reference(Image.fromarray(pixels), Image.fromarray(mask), caption(picture.identity, picture.context))


def cells_of(picture: Picture, count: int) -> tuple[list[Cell], list[str]]:
    """``count`` cells in other scenes than the reference's, and the scene that each asks for."""
    scenes = [scene for scene in SCENES if scene != picture.context.scene]
    medium = "photo" if picture.context.style == "natural" else "drawing"
    asked = [(scenes[i % len(scenes)], POSES_ASKED[i % len(POSES_ASKED)]) for i in range(count)]
    words = [f"a {medium} of a {picture.identity.class_word} {scene}, {pose}" for scene, pose in asked]
    return [Cell(prompt, seed) for seed, prompt in enumerate(words)], [scene for scene, _ in asked]


def measure(
    backbone: Backbone,
    oracle: Oracle,
    profile: Profile,
    subjects: Sequence[Picture],
    cells: int,
    overrides: dict[str, object],
    on_subject: Callable[[int], None] = lambda done: None,
) -> dict[str, Share]:
    """Draw ``cells`` pictures of each subject and read them.

    Returns the share of pictures that show the reference's value, by identity attribute, their mean as ``identity``,
    and the share that shows the class and the scene that the prompt names, as ``class_word`` and ``scene``.
    """
    rows: dict[str, list[float]] = {name: [] for name in ("identity", "class_word", "scene", *IDENTITY)}
    for done, subject in enumerate(subjects, start=1):
        asked, scenes = cells_of(subject, cells)
        sampling = profile.sampling(subject.context.style, **overrides)
        images = generate(backbone, reference_of(subject), asked, sampling)
        read = oracle.read(pictures_to_model(images))
        for name in IDENTITY:
            rows[name].append(float(np.mean([seen[name] == getattr(subject.identity, name) for seen in read])))
        rows["identity"].append(float(np.mean([rows[name][-1] for name in IDENTITY])))
        rows["class_word"].append(float(np.mean([seen["class_word"] == subject.identity.class_word for seen in read])))
        rows["scene"].append(float(np.mean([seen["scene"] == s for seen, s in zip(read, scenes, strict=True)])))
        on_subject(done)
    return {name: _share(values) for name, values in rows.items()}


def _share(values: list[float]) -> Share:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Share(float(np.mean(values)), 1.96 * spread / sqrt(len(values)))
