"""Renders images of identities in contexts, with exact mask, depth and skeleton, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.identity import Identity
from dreamtuner.pocket.world.place import Placed, background, picture_axes

SIZE = 64


@dataclass(frozen=True)
class Rendered:
    """A batch of B images of S x S pixels with their ground truth.

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
    """Render images of one class in one scene, all in the same view."""
    x, y, px = picture_axes(len(identities), size)
    rgb = background(contexts, x, y, px)
    placed = Placed.of(contexts, x, y, px)
    canvas = placed.painted(placed.shaded(rgb), y, identities, contexts)
    return Rendered(
        image=canvas.rgb.clamp(0, 1),
        mask=canvas.mask.unsqueeze(1),
        depth=canvas.depth.clamp(0, 1).unsqueeze(1),
        pose=placed.drawn_skeleton(),
        joints=placed.joints_in_pixels(size),
    )


def render(identities: Sequence[Identity], contexts: Sequence[Context], size: int = SIZE) -> Rendered:
    """Render ``identities[i]`` in ``contexts[i]``. The same arguments give the same pixels on every call.

    Raises:
        ValueError: the two sequences differ in length or are empty.
    """
    if len(identities) != len(contexts) or not identities:
        raise ValueError(
            f"{len(identities)} identities and {len(contexts)} contexts: give as many of each, at least one"
        )
    groups: dict[tuple[str, str, str], list[int]] = {}
    for i, (identity, context) in enumerate(zip(identities, contexts, strict=True)):
        groups.setdefault((identity.class_word, context.scene, context.view), []).append(i)
    order = torch.tensor([i for rows in groups.values() for i in rows]).argsort()
    parts = [
        _render_group([identities[i] for i in rows], [contexts[i] for i in rows], size) for rows in groups.values()
    ]
    return Rendered(
        *(torch.cat([getattr(p, f) for p in parts])[order] for f in ("image", "mask", "depth", "pose", "joints"))
    )
