"""Which latents the U-Net's loss looks at most: the subject more than its scene, and its face most of all.

Every cell's best prediction is the same under any weights; they decide what is learnt first. Unweighted, a face is one
part in twenty of a picture and an expression one in a hundred: classes and poses were followed after 200,000 pictures
and expressions not at all.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamtuner.pocket.shards import Picture
from dreamtuner.pocket.world.render import SIZE
from dreamtuner.pocket.world.skeleton import JOINTS, skeleton

SUBJECT, FACE = 4.0, 24.0
_FACE_CENTRE, _FACE_WIDTH, _FACE_HEIGHT = -0.03, 0.44, 0.38  # subject units, from the head's joint


def faces(pictures: list[Picture]) -> Tensor:
    """Boxes around eyes and mouth, (N, 4): left, top, right, bottom in pixels."""
    contexts = [p.context for p in pictures]
    bones = skeleton([c.pose for c in contexts], [c.mirrored for c in contexts])
    head = bones.joints[:, JOINTS.index("head")]
    size = torch.tensor([c.size for c in contexts])
    # as the renderer places a subject
    x = head[:, 0] * size + torch.tensor([c.x for c in contexts])
    y = (head[:, 1] + _FACE_CENTRE) * size + torch.tensor([c.y for c in contexts]) + 0.07
    half_width, half_height = _FACE_WIDTH * size, _FACE_HEIGHT * size
    boxes = torch.stack([x - half_width, y - half_height, x + half_width, y + half_height], dim=1)
    return (boxes + 1.0) * (SIZE / 2)


def load_emphasis(folder: Path, count: int, pictures: list[Picture], factor: int) -> Tensor:
    """Weights of the first ``count`` shards' latents, (N, 1, 64 / factor, 64 / factor) float16, 1 for scenery."""
    maps = []
    edges = torch.arange(0, SIZE + 1, factor).float()
    for index in range(count):
        with np.load(folder / f"{index:05d}.npz") as shard:
            masks = torch.from_numpy(shard["masks"]).unsqueeze(1).float().div(255)
        maps.append(F.avg_pool2d(masks, factor))
    subject = torch.cat(maps)
    left, top, right, bottom = faces(pictures[: len(subject)]).unbind(1)

    def covered(low: Tensor, high: Tensor) -> Tensor:
        """The share of each row of cells that lies between low and high: (N, cells)."""
        inside = torch.minimum(high[:, None], edges[None, 1:]) - torch.maximum(low[:, None], edges[None, :-1])
        return inside.clamp_min(0) / factor

    face = (covered(top, bottom)[:, :, None] * covered(left, right)[:, None, :]).unsqueeze(1)
    return (1 + (SUBJECT - 1) * subject + (FACE - SUBJECT) * face).half()
