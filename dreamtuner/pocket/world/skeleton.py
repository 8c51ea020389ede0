"""The joints of each pose, in subject units (-1..1, y down), and how a skeleton is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dreamtuner.pocket.world.shapes import capsule

JOINTS = ("head", "neck", "pelvis", "left_hand", "right_hand", "left_foot", "right_foot")

# lift of the whole body, lean of the trunk, then (x, y) of both hands and both feet
_POSES: dict[
    str, tuple[float, float, tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
] = {
    "standing": (0.0, 0.0, (-0.47, 0.50), (0.47, 0.50), (-0.19, 0.92), (0.19, 0.92)),
    "arms up": (0.0, 0.0, (-0.58, -0.48), (0.58, -0.48), (-0.19, 0.92), (0.19, 0.92)),
    "waving": (0.0, 0.0, (-0.47, 0.50), (0.60, -0.44), (-0.19, 0.92), (0.19, 0.92)),
    "sitting": (0.16, 0.0, (-0.36, 0.52), (0.36, 0.52), (-0.52, 0.84), (0.52, 0.84)),
    "jumping": (-0.07, 0.0, (-0.66, -0.08), (0.66, -0.08), (-0.50, 0.78), (0.50, 0.78)),
    "running": (0.0, 0.10, (-0.55, 0.42), (0.60, 0.06), (-0.55, 0.74), (0.36, 0.92)),
}

# the same for a subject that faces right; the left limbs are the far ones
_PROFILES = {
    "standing": (0.0, 0.0, (-0.10, 0.52), (0.10, 0.52), (-0.10, 0.92), (0.12, 0.92)),
    "arms up": (0.0, 0.0, (0.50, -0.46), (0.62, -0.30), (-0.10, 0.92), (0.12, 0.92)),
    "waving": (0.0, 0.0, (-0.10, 0.52), (0.62, -0.38), (-0.10, 0.92), (0.12, 0.92)),
    "sitting": (0.16, 0.0, (0.28, 0.50), (0.40, 0.54), (0.54, 0.84), (0.66, 0.84)),
    "jumping": (-0.07, 0.0, (-0.60, 0.02), (-0.56, 0.16), (0.46, 0.66), (0.32, 0.76)),
    "running": (0.0, 0.10, (-0.50, 0.34), (0.58, 0.12), (-0.58, 0.66), (0.44, 0.88)),
}


@dataclass(frozen=True)
class Skeleton:
    """Joints (B, 7, 2) in subject units, in the order of ``JOINTS``."""

    joints: Tensor

    def __getitem__(self, name: str) -> tuple[Tensor, Tensor]:
        """Return x and y of one joint, each (B, 1, 1) to broadcast over pixels."""
        joint = self.joints[:, JOINTS.index(name)]
        return joint[:, 0].view(-1, 1, 1), joint[:, 1].view(-1, 1, 1)


def skeleton(poses: list[str], mirrored: list[bool], views: list[str] | None = None) -> Skeleton:
    """Return the joints of a batch of poses; mirrored ones have x negated (left stays the subject's left hand).

    ``views``: the side that the camera sees, by default the front. From behind, x is negated too.
    """
    rows = []
    for pose, flip, view in zip(poses, mirrored, views or ["front"] * len(poses), strict=True):
        lift, lean, *limbs = _PROFILES[pose] if view == "side" else _POSES[pose]
        head, neck, pelvis = (lean * 1.6, -0.36 + lift), (lean, 0.04 + lift), (0.0, 0.60 + lift)
        hands = [(x, y + lift) for x, y in limbs[:2]]
        sign = -1.0 if flip != (view == "back") else 1.0
        rows.append([(sign * x, y) for x, y in (head, neck, pelvis, *hands, *limbs[2:])])
    return Skeleton(torch.tensor(rows, dtype=torch.float32))


_ROOTS = {"left_hand": "neck", "right_hand": "neck", "left_foot": "pelvis", "right_foot": "pelvis"}


def between(start: Skeleton, end: Skeleton, share: Tensor) -> Skeleton:
    """Interpolate from ``start`` to ``end``, each (1, 7, 2), at ``share`` (N) in 0..1. Returns (N, 7, 2).

    Limbs rotate about their joint, in the shorter direction, and stretch linearly, so that a raised hand moves around
    the trunk instead of through it; the trunk moves in a straight line. A share outside 0..1 extrapolates.
    """
    share = share.view(-1, 1, 1)
    joints = torch.lerp(start.joints, end.joints, share)
    for limb, root in _ROOTS.items():
        hand, hold = JOINTS.index(limb), JOINTS.index(root)
        arms = [(one.joints[:, hand] - one.joints[:, hold]) for one in (start, end)]
        angles = [torch.atan2(arm[:, 1], arm[:, 0]) for arm in arms]
        turn = (angles[1] - angles[0] + torch.pi).remainder(2 * torch.pi) - torch.pi
        length = torch.lerp(arms[0].norm(dim=1), arms[1].norm(dim=1), share[:, :, 0])
        angle = angles[0] + turn * share[:, :, 0]
        swung = torch.cat([length * angle.cos(), length * angle.sin()], dim=1)
        joints[:, hand] = joints[:, hold] + swung
    return Skeleton(joints)


_BONES = (
    ("head", "neck", (1.0, 0.2, 0.2)),
    ("neck", "pelvis", (1.0, 1.0, 0.2)),
    ("neck", "left_hand", (0.2, 1.0, 0.2)),
    ("neck", "right_hand", (0.2, 0.9, 1.0)),
    ("pelvis", "left_foot", (0.3, 0.3, 1.0)),
    ("pelvis", "right_foot", (1.0, 0.3, 1.0)),
)


def draw_skeleton(bones: Skeleton, u: Tensor, v: Tensor, px: Tensor) -> Tensor:
    """Draw coloured bones on black: u, v (B, H, W) subject coordinates, px (B, 1, 1) pixel size -> RGB (B, 3, H, W)."""
    picture = u.new_zeros((u.shape[0], 3, *u.shape[1:]))
    for start, end, colour in _BONES:
        distance = capsule(u, v, *bones[start], *bones[end], 0.045)
        alpha = (0.5 - distance / px).clamp(0, 1).unsqueeze(1)
        picture = picture + (torch.tensor(colour).view(1, 3, 1, 1) - picture) * alpha
    return picture
