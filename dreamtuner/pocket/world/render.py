"""Pictures of identities in contexts, with their exact mask, depth and skeleton, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dreamtuner.pocket.world import scenes
from dreamtuner.pocket.world.canvas import Canvas
from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.identity import Identity
from dreamtuner.pocket.world.skeleton import draw_skeleton, skeleton
from dreamtuner.pocket.world.subject import paint_subject

SIZE = 64


@dataclass(frozen=True)
class Rendered:
    """A batch of B pictures of S x S pixels and what is true of them.

    Attributes:
        image: (B, 3, S, S) RGB in 0..1.
        mask: (B, 1, S, S) the subject's coverage in 0..1.
        depth: (B, 1, S, S) nearness in 0 (far) .. 1 (near).
        pose: (B, 3, S, S) the skeleton drawn in colours on black.
        joints: (B, 7, 2) joints in pixels (x, y), in the order of ``skeleton.JOINTS``.
    """

    image: Tensor
    mask: Tensor
    depth: Tensor
    pose: Tensor
    joints: Tensor


def _render_group(identities: list[Identity], contexts: list[Context], size: int) -> Rendered:
    """Pictures of one class in one scene."""
    n = len(identities)
    px = 2.0 / size
    axis = (torch.arange(size, dtype=torch.float32) + 0.5) * px - 1.0
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    x, y = x.expand(n, -1, -1), y.expand(n, -1, -1)

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)

    details = torch.stack([torch.rand(8, generator=torch.Generator().manual_seed(c.seed)) for c in contexts])
    scale, cx = column([c.size for c in contexts]), column([c.x for c in contexts])
    cy = column([c.y for c in contexts]) + 0.07
    u, v = (x - cx) / scale, (y - cy) / scale
    local_px = px / scale
    bones = skeleton([c.pose for c in contexts], [c.mirrored for c in contexts])

    rgb = scenes.paint(contexts[0].scene, x, y, details, px)
    ground = torch.sqrt((u / 0.55) ** 2 + ((v - 0.98) / 0.10) ** 2)
    rgb = rgb * (1 - 0.35 * (1.2 - ground).clamp(0, 1).unsqueeze(1))
    anime = column([float(c.style == "anime") for c in contexts])
    canvas = Canvas(rgb, scenes.ground_depth(y), u, v, local_px, anime)
    paint_subject(canvas, identities, [c.expression for c in contexts], bones)
    joints = bones.joints * scale + torch.cat([cx, cy], dim=2)
    return Rendered(
        image=canvas.rgb.clamp(0, 1),
        mask=canvas.mask.unsqueeze(1),
        depth=canvas.depth.clamp(0, 1).unsqueeze(1),
        pose=draw_skeleton(bones, u, v, local_px),
        joints=(joints + 1.0) * (size / 2),
    )


def render(identities: Sequence[Identity], contexts: Sequence[Context], size: int = SIZE) -> Rendered:
    """Draw ``identities[i]`` in ``contexts[i]``. The same arguments give the same pixels on every call.

    Raises:
        ValueError: the two sequences differ in length or are empty.
    """
    if len(identities) != len(contexts) or not identities:
        raise ValueError(
            f"{len(identities)} identities and {len(contexts)} contexts: give as many of each, at least one"
        )
    groups: dict[tuple[str, str], list[int]] = {}
    for i, (identity, context) in enumerate(zip(identities, contexts, strict=True)):
        groups.setdefault((identity.class_word, context.scene), []).append(i)
    order = torch.tensor([i for rows in groups.values() for i in rows]).argsort()
    parts = [
        _render_group([identities[i] for i in rows], [contexts[i] for i in rows], size) for rows in groups.values()
    ]
    return Rendered(
        *(torch.cat([getattr(p, f) for p in parts])[order] for f in ("image", "mask", "depth", "pose", "joints"))
    )
