"""What is measured of pictures of a pocket subject: read by the oracle, scored by the tower, held to the reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dreamtuner.pocket.autoencoder import pictures_to_model
from dreamtuner.pocket.judge import truth
from dreamtuner.pocket.shards import Picture
from dreamtuner.pocket.world import Context, caption
from dreamtuner.pocket.world.identity import ATTRIBUTES
from dreamtuner.request import Reference
from dreamtuner.score.clip_i import ClipI
from dreamtuner.score.clip_t import ClipT
from dreamtuner.score.oracle import Oracle
from dreamtuner.score.tower import Tower

IDENTITY = tuple(name for name in ATTRIBUTES if name != "class_word")
PROMPT = ("class_word", "scene", "pose", "expression", "style")
ALIKE = 32
"""By how much each channel of a pixel may differ, of 255, to count as the reference's: the decoder's errors stay below.
"""
VERSION = 1
"""Raise it when equal pictures would be measured otherwise: what was kept of earlier measurements is then not used."""


def measure(
    oracle: Oracle,
    tower: Tower,
    subject: Picture,
    reference: Reference,
    asked: Sequence[Context],
    images: Sequence[Image.Image],
) -> dict[str, NDArray[np.float64]]:
    """Every measure by name, one value a picture; ``asked[i]`` is the context that ``images[i]`` was to show.

    - ``identity``: the share of the reference's attributes (colours, pattern, emblem, hat, eyes, shape) that the oracle
      reads, and each of them alone;
    - ``prompt``: the share of what the prompt names (class, scene, pose, expression, style), and each alone;
    - ``clip_i``, ``clip_i_masked``, ``clip_t``: cosines in the tower;
    - ``leakage``: the IoU of the picture's silhouette with the reference's; ``background``: the share of the pixels
      outside of both silhouettes that have the reference's colour; ``copying``: the mean of the two. The prompts ask
      for other scenes and mostly other poses, so what plain pictures reach is chance and all beyond is copied.

    The tower is contrastive between pictures and captions, so it gives no analogue of DINO, and none is made up.
    """
    words = [caption(subject.identity, context) for context in asked]
    x = pictures_to_model(list(images))
    read = oracle.read(x)
    true = [truth(Picture(subject.identity_seed, context)) for context in asked]
    right = {
        name: np.array([float(seen[name] == is_[name]) for seen, is_ in zip(read, true, strict=True)])
        for name in (*IDENTITY, *PROMPT)
    }
    scores = {
        metric.name: np.array(
            metric.score(tower, images, reference=reference.image, reference_mask=reference.mask, prompts=words)
        )
        for metric in (ClipI(), ClipI(masked=True), ClipT())
    }
    layout, background = _copied(oracle.silhouette(x), reference, images)
    return {
        "identity": np.mean([right[name] for name in IDENTITY], axis=0),
        "prompt": np.mean([right[name] for name in PROMPT], axis=0),
        **right,
        **scores,
        "leakage": layout,
        "background": background,
        "copying": (layout + background) / 2,
    }


def _copied(
    inside: Tensor, reference: Reference, images: Sequence[Image.Image]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much of layout and background is the reference's. inside: B H W bool, the pictures' silhouettes."""
    assert reference.mask is not None
    outline = torch.from_numpy(np.array(reference.mask)) > 127
    overlap = (inside & outline).sum((1, 2)) / (inside | outline).sum((1, 2)).clamp_min(1)
    drawn = torch.from_numpy(np.stack([np.asarray(image.convert("RGB"), dtype=np.int16) for image in images]))
    given = torch.from_numpy(np.asarray(reference.image.convert("RGB"), dtype=np.int16))
    alike = ((drawn - given).abs() <= ALIKE).all(-1)
    outside = ~inside & ~outline
    shared = (alike & outside).sum((1, 2)) / outside.sum((1, 2)).clamp_min(1)
    return overlap.double().numpy(), shared.double().numpy()
