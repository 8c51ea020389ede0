"""Which latents the U-Net's loss looks at most: the subject more than its scene, and its small parts most of all.

Every cell's best prediction is the same under any weights; they decide what is learnt first. Unweighted, a face is one
part in twenty of a picture and an expression one in a hundred: classes and poses were followed after 200,000 pictures
and expressions not at all. With the face alone weighted, expressions were followed and emblems, hats and the trunk's
width stayed at chance. Boxes hang on pose and place only, never on the attribute itself: a box that stood only where
a hat is would teach that there is always one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamtuner.pocket.shards import Picture
from dreamtuner.pocket.world.render import SIZE
from dreamtuner.pocket.world.skeleton import JOINTS, skeleton

SUBJECT = 4.0


@dataclass(frozen=True)
class Part:
    """A box about a point of the skeleton, in subject units: the mean of ``joints``, moved down by ``below``."""

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
    """The part's box in each picture, (N, 4): left, top, right, bottom in pixels."""
    contexts = [p.context for p in pictures]
    bones = skeleton([c.pose for c in contexts], [c.mirrored for c in contexts])
    centre = bones.joints[:, [JOINTS.index(joint) for joint in part.joints]].mean(dim=1)
    size = torch.tensor([c.size for c in contexts])
    # as the renderer places a subject
    x = centre[:, 0] * size + torch.tensor([c.x for c in contexts])
    y = (centre[:, 1] + part.below) * size + torch.tensor([c.y for c in contexts]) + 0.07
    half_width, half_height = part.half_width * size, part.half_height * size
    return (torch.stack([x - half_width, y - half_height, x + half_width, y + half_height], dim=1) + 1.0) * (SIZE / 2)


def load_emphasis(folder: Path, count: int, pictures: list[Picture], factor: int) -> Tensor:
    """Weights of the first ``count`` shards' latents, (N, 1, 64 / factor, 64 / factor) float16, 1 for scenery."""
    maps = []
    edges = torch.arange(0, SIZE + 1, factor).float()
    for index in range(count):
        with np.load(folder / f"{index:05d}.npz") as shard:
            masks = torch.from_numpy(shard["masks"]).unsqueeze(1).float().div(255)
        maps.append(F.avg_pool2d(masks, factor))
    subject = torch.cat(maps)

    def covered(low: Tensor, high: Tensor) -> Tensor:
        """The share of each row of cells that lies between low and high: (N, cells)."""
        inside = torch.minimum(high[:, None], edges[None, 1:]) - torch.maximum(low[:, None], edges[None, :-1])
        return inside.clamp_min(0) / factor

    whole = 1 + (SUBJECT - 1) * subject
    weights = whole
    for part in PARTS.values():
        left, top, right, bottom = boxes(part, pictures[: len(subject)]).unbind(1)
        inside = (covered(top, bottom)[:, :, None] * covered(left, right)[:, None, :]).unsqueeze(1)
        weights = torch.maximum(weights, torch.lerp(whole, torch.full_like(whole, part.weight), inside))
    return weights.half()
