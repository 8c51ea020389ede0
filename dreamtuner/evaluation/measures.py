"""Metrics of images of a pocket subject: oracle readings, CLIP scores, and comparison with the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dreamtuner.pocket.training.autoencoder import pictures_to_model
from dreamtuner.pocket.training.oracle import truth
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import Context, caption, render
from dreamtuner.pocket.world.identity import ATTRIBUTES
from dreamtuner.sampling.request import Reference
from dreamtuner.score import Input, score_images
from dreamtuner.score.clip import ClipModel
from dreamtuner.score.clip_metrics import ClipI, ClipT
from dreamtuner.score.oracle import Oracle

IDENTITY = tuple(name for name in ATTRIBUTES if name != "class_word")
PROMPT = ("class_word", "scene", "pose", "expression", "style")
VERSION = 1
"""Increment it when equal images would be measured differently: cached measurements are then not used."""


def measure(
    oracle: Oracle,
    tower: ClipModel,
    subject: Picture,
    reference: Reference,
    requested: Sequence[Context],
    images: Sequence[Image.Image],
) -> dict[str, NDArray[np.float64]]:
    """Compute every metric by name, one value per image; ``requested[i]`` is the context of ``images[i]``.

    - ``identity``: the share of the reference's attributes (colours, pattern, emblem, hat, eyes, shape) that the oracle
      finds in the image, and each attribute separately;
    - ``prompt``: the share of what the prompt names (class, scene, pose, expression, style), and each separately;
    - ``clip_i``, ``clip_i_masked``, ``clip_t``: cosines of the CLIP model;
    - ``leakage``: the IoU of the image's silhouette with the reference's;
    - ``copying``: the mean of ``copied_background`` and ``copied_layout``, the position of the image between the
      request as rendered (0) and the reference (1): by its colours outside all silhouettes, and by its silhouette.
      Prompts name other scenes than the reference's; if one has the reference's pose, layout is omitted.

    The CLIP model is contrastive between images and captions, so there is no analogue of DINO.
    """
    words = [caption(subject.identity, context) for context in requested]
    x = pictures_to_model(list(images))
    read = oracle.read(x)
    true = [truth(Picture(subject.identity_seed, context)) for context in requested]
    right = {
        name: np.array([float(seen[name] == is_[name]) for seen, is_ in zip(read, true, strict=True)])
        for name in (*IDENTITY, *PROMPT)
    }
    given: dict[Input, Callable[[], Any]] = {
        "reference": lambda: reference.image,
        "reference_mask": lambda: reference.mask,
        "prompts": lambda: words,
    }
    scores: dict[str, NDArray[np.float64]] = {
        metric.name: np.array(score_images(metric, tower, images, given))
        for metric in (ClipI(), ClipI(masked=True), ClipT())
    }
    inside = oracle.silhouette(x)
    layout, background = _copied(inside, subject, reference, requested, images)
    others = np.array([context.pose != subject.context.pose for context in requested])
    return {
        "identity": np.mean([right[name] for name in IDENTITY], axis=0),
        "prompt": np.mean([right[name] for name in PROMPT], axis=0),
        **right,
        **scores,
        "leakage": _overlap(inside, _outline(reference)).double().numpy(),
        "copied_background": background,
        "copied_layout": layout,
        "copying": np.where(others, (layout + background) / 2, background),
    }


def _copied(
    inside: Tensor,
    subject: Picture,
    reference: Reference,
    requested: Sequence[Context],
    images: Sequence[Image.Image],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Position layout and background between request (0) and reference (1). inside: B H W bool, silhouettes."""
    wanted = render([subject.identity] * len(requested), requested)
    shape, outline = wanted.mask[:, 0] > 0.5, _outline(reference)
    layout = _towards(1 - _overlap(inside, shape), 1 - _overlap(inside, outline))
    outside = ~(inside | shape | outline)
    drawn = torch.from_numpy(np.stack([np.asarray(image.convert("RGB"), dtype=np.float32) for image in images])) / 255
    given = torch.from_numpy(np.asarray(reference.image.convert("RGB"), dtype=np.float32)) / 255

    def far(other: Tensor) -> Tensor:
        """Return the mean difference of colours outside the silhouettes. other: (B) H W 3."""
        return ((drawn - other).abs().mean(-1) * outside).sum((1, 2)) / outside.sum((1, 2)).clamp_min(1)

    background = _towards(far(wanted.image.permute(0, 2, 3, 1)), far(given))
    return layout.double().numpy(), background.double().numpy()


def _towards(requested: Tensor, reference: Tensor) -> Tensor:
    """Map distances to a position in 0..1: 0 at the requested image, 1 at the reference."""
    return requested / (requested + reference).clamp_min(1e-6)


def _outline(reference: Reference) -> Tensor:
    assert reference.mask is not None
    return torch.from_numpy(np.array(reference.mask)) > 127


def _overlap(a: Tensor, b: Tensor) -> Tensor:
    """Return the IoU of B H W bool with (B) H W bool."""
    return (a & b).sum((1, 2)) / (a | b).sum((1, 2)).clamp_min(1)
