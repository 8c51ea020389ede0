"""The pose library of examples/: skeletons of every pose of the world, on their own and on the way between two."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.pocket.world import POSES
from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.render import SIZE
from dreamtuner.pocket.world.skeleton import Skeleton, between, draw_skeleton, skeleton

SIDE = 4 * SIZE
"""Pixels of a library picture: large enough to look at, and a multiple of what the model draws."""

ONE_SIDED = ("waving", "running")
"""Poses that are another picture in the mirror."""

RAISE, WAVE, LOWER = 5, 8, 3
"""Frames of the wave's three parts."""


def draw_poses(bones: Skeleton, side: int = SIDE) -> list[Image.Image]:
    """Skeletons (N, 7, 2) as pictures, where a subject in the middle of the picture has its joints."""
    context = Context("in a room", "standing", "natural")  # for its place and size alone
    px = 2.0 / side
    axis = (torch.arange(side, dtype=torch.float32) + 0.5) * px - 1.0
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    count = len(bones.joints)
    u = ((x - context.x) / context.size).expand(count, -1, -1)
    v = ((y - context.y - 0.07) / context.size).expand(count, -1, -1)
    drawn = draw_skeleton(bones, u, v, torch.full((count, 1, 1), px / context.size))
    return [Image.fromarray(one) for one in (drawn.permute(0, 2, 3, 1) * 255).round().byte().numpy()]


def pose_library() -> dict[str, Image.Image]:
    """Every pose of the world by a file's name, those that are one-sided in the mirror as well."""
    named = {pose.replace(" ", "-"): (pose, False) for pose in POSES}
    named |= {f"{pose}-mirrored": (pose, True) for pose in ONE_SIDED}
    poses, mirrored = zip(*named.values(), strict=True)
    return dict(zip(named, draw_poses(skeleton(list(poses), list(mirrored))), strict=True))


def wave() -> list[Image.Image]:
    """A wave as frames: the right hand goes up, waves twice and comes down; the last frame leads on to the first."""
    standing, waving = skeleton(["standing"], [False]), skeleton(["waving"], [False])
    up = _eased(torch.arange(RAISE) / RAISE)
    swing = 1.0 + 0.16 * torch.sin(torch.arange(WAVE) * (4 * torch.pi / WAVE))
    down = _eased(1 - torch.arange(LOWER) / LOWER)
    return draw_poses(between(standing, waving, torch.cat([up, swing, down])))


def _eased(share: Tensor) -> Tensor:
    """Slow at both ends, as limbs move."""
    return (1 - torch.cos(torch.pi * share)) / 2
