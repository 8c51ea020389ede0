"""Weights of the U-Net's loss by position: the subject more than its scene, and its small parts most.

The optimal prediction is the same under any weights; they determine what is learned first. Unweighted, a face is a
twentieth of an image and an expression a hundredth: after 200,000 images, prompts determined classes and poses, but not
expressions. With a weight on the face only, expressions followed, while emblems, hats and the width of the trunk stayed
at chance. Boxes depend only on pose and position, never on the attribute itself: a box only around existing hats would
teach that every subject has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamtuner.pocket.training.shards import Pair, Picture, load_layer
from dreamtuner.pocket.world.framing import placed
from dreamtuner.pocket.world.render import SIZE
from dreamtuner.pocket.world.skeleton import JOINTS, skeleton

SUBJECT = 4.0


@dataclass(frozen=True)
class Part:
    """A box around a point of the skeleton, in subject units: the mean of ``joints``, moved down by ``below``."""

    weight: float
    joints: tuple[str, ...]
    below: float
    half_width: float
    half_height: float


PARTS = {
    "face": Part(16.0, ("head",), -0.03, 0.44, 0.38),
    "hat": Part(32.0, ("head",), -0.55, 0.34, 0.33),
    "emblem": Part(64.0, ("neck", "pelvis"), 0.06, 0.29, 0.29),
    "trunk": Part(20.0, ("neck", "pelvis"), 0.0, 0.52, 0.42),
}


def boxes(part: Part, pictures: list[Picture]) -> Tensor:
    """Return the box of the part in each image, (N, 4): left, top, right, bottom in pixels."""
    contexts = [p.context for p in pictures]
    bones = skeleton([c.pose for c in contexts], [c.mirrored for c in contexts], [c.view for c in contexts])
    centre = bones.joints[:, [JOINTS.index(joint) for joint in part.joints]].mean(dim=1)
    size, origin_x, origin_y = placed(contexts, bones)
    x = centre[:, 0] * size + origin_x
    y = (centre[:, 1] + part.below) * size + origin_y
    half_width, half_height = part.half_width * size, part.half_height * size
    return (torch.stack([x - half_width, y - half_height, x + half_width, y + half_height], dim=1) + 1.0) * (SIZE / 2)


def inside_of(part: Part, pictures: list[Picture], factor: int) -> Tensor:
    """Return how much of each latent pixel the part's box covers, (N, 1, 64 / factor, 64 / factor) in 0..1."""
    edges = torch.arange(0, SIZE + 1, factor).float()

    def covered(low: Tensor, high: Tensor) -> Tensor:
        """Return the share of each latent pixel that lies between low and high: (N, H)."""
        inside = torch.minimum(high[:, None], edges[None, 1:]) - torch.maximum(low[:, None], edges[None, :-1])
        return inside.clamp_min(0) / factor

    left, top, right, bottom = boxes(part, pictures).unbind(1)
    return (covered(top, bottom)[:, :, None] * covered(left, right)[:, None, :]).unsqueeze(1)


def covered_by(parts: Sequence[str], pictures: list[Picture], factor: int) -> Tensor:
    """Return how much of each latent pixel the boxes of these ``PARTS`` cover, (N, 1, H, W) float16 in 0..1."""
    covered = torch.zeros((len(pictures), 1, SIZE // factor, SIZE // factor))
    for name in parts:
        covered = torch.maximum(covered, inside_of(PARTS[name], pictures, factor))
    return covered.half()


def load_emphasis(files: Sequence[Path], pictures: list[Picture], factor: int) -> Tensor:
    """Return the loss weights of the latents of shards, (N, 1, 64 / factor, 64 / factor) float16; 1 for the scene."""
    masks = (torch.from_numpy(load_layer([file], "masks")).unsqueeze(1).float().div(255) for file in files)
    return emphasised(torch.cat([F.avg_pool2d(mask, factor) for mask in masks]), pictures, factor)


def load_pair_emphasis(files: Sequence[Path], pairs: list[Pair], factor: int) -> Tensor:
    """Return the loss weights of shards of pairs: at each position, the larger of the weights for the two subjects."""
    pooled = []
    for file in files:
        pooled.append(F.avg_pool2d(torch.from_numpy(load_layer([file], "masks")).float().div(255), factor))
    subjects = torch.cat(pooled)
    weights = [emphasised(subjects[:, k : k + 1], [pair[k] for pair in pairs], factor) for k in range(2)]
    return torch.maximum(*weights)


def emphasised(subject: Tensor, pictures: list[Picture], factor: int) -> Tensor:
    """Return loss weights (N, 1, H, W) float16 for the subject's coverage (N, 1, H, W) in 0..1."""
    whole = 1 + (SUBJECT - 1) * subject
    weights = whole
    for part in PARTS.values():
        inside = inside_of(part, pictures[: len(subject)], factor)
        weights = torch.maximum(weights, torch.lerp(whole, torch.full_like(whole, part.weight), inside))
    return weights.half()
