"""The pose library of examples/: skeletons of every pose of the world, and a wave interpolated between two."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.pocket.world import POSES
from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.render import SIZE
from dreamtuner.pocket.world.skeleton import Skeleton, between, draw_skeleton, skeleton

SIDE = 4 * SIZE
"""Side of a library image in pixels: large enough to look at, and a multiple of the model's images."""

ONE_SIDED = ("waving", "running")
"""Poses whose mirror image differs."""

RAISE, WAVE, LOWER = 5, 8, 3
"""Frames of the wave's three parts."""


def draw_poses(bones: Skeleton, side: int = SIDE) -> list[Image.Image]:
    """Draw skeletons (N, 7, 2) with the joints of a subject in the middle of the image."""
    context = Context("in a room", "standing", "natural")  # only for its position and size
    px = 2.0 / side
    axis = (torch.arange(side, dtype=torch.float32) + 0.5) * px - 1.0
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    count = len(bones.joints)
    u = ((x - context.x) / context.size).expand(count, -1, -1)
    v = ((y - context.y - 0.07) / context.size).expand(count, -1, -1)
    drawn = draw_skeleton(bones, u, v, torch.full((count, 1, 1), px / context.size))
    return [Image.fromarray(one) for one in (drawn.permute(0, 2, 3, 1) * 255).round().byte().numpy()]


def pose_library() -> dict[str, Image.Image]:
    """Draw every pose of the world, by file name; one-sided poses also mirrored."""
    named = {pose.replace(" ", "-"): (pose, False) for pose in POSES}
    named |= {f"{pose}-mirrored": (pose, True) for pose in ONE_SIDED}
    poses, mirrored = zip(*named.values(), strict=True)
    return dict(zip(named, draw_poses(skeleton(list(poses), list(mirrored))), strict=True))


def wave() -> list[Image.Image]:
    """Draw the frames of a wave: the right hand goes up, waves twice and comes down; the frames loop."""
    standing, waving = skeleton(["standing"], [False]), skeleton(["waving"], [False])
    up = _eased(torch.arange(RAISE) / RAISE)
    swing = 1.0 + 0.16 * torch.sin(torch.arange(WAVE) * (4 * torch.pi / WAVE))
    down = _eased(1 - torch.arange(LOWER) / LOWER)
    return draw_poses(between(standing, waving, torch.cat([up, swing, down])))


def _eased(share: Tensor) -> Tensor:
    """Ease in and out, as limbs move."""
    return (1 - torch.cos(torch.pi * share)) / 2
