"""Places the subjects of a batch according to their contexts: coordinates, shadow, paint and skeleton."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dreamtuner.pocket.world import scenes
from dreamtuner.pocket.world.canvas import Canvas
from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.framing import placed
from dreamtuner.pocket.world.identity import Identity
from dreamtuner.pocket.world.skeleton import Skeleton, draw_skeleton, skeleton
from dreamtuner.pocket.world.subject import paint_subject


def picture_axes(count: int, size: int) -> tuple[Tensor, Tensor, float]:
    """Return x, y (B, S, S) of every pixel's centre in image units (-1..1), and the size of a pixel in these units."""
    px = 2.0 / size
    axis = (torch.arange(size, dtype=torch.float32) + 0.5) * px - 1.0
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x.expand(count, -1, -1), y.expand(count, -1, -1), px


def background(contexts: Sequence[Context], x: Tensor, y: Tensor, px: float) -> Tensor:
    """Paint the scene that all ``contexts`` share, each with its own details. Returns RGB (B, 3, S, S)."""
    details = torch.stack([torch.rand(8, generator=torch.Generator().manual_seed(c.seed)) for c in contexts])
    return scenes.paint(contexts[0].scene, x, y, details, px)


@dataclass(frozen=True)
class Placed:
    """One subject per image: ``u``, ``v`` (B, S, S) are subject coordinates, ``px`` (B, 1, 1) the size of a pixel."""

    bones: Skeleton
    scale: Tensor
    x: Tensor
    y: Tensor
    u: Tensor
    v: Tensor
    px: Tensor

    @classmethod
    def of(cls, contexts: Sequence[Context], x: Tensor, y: Tensor, px: float) -> Placed:
        """Place the subjects of ``contexts`` in images with the axes ``x``, ``y``."""
        bones = skeleton([c.pose for c in contexts], [c.mirrored for c in contexts], [c.view for c in contexts])
        scale, cx, cy = (value.view(-1, 1, 1) for value in placed(contexts, bones))
        return cls(bones, scale, cx, cy, (x - cx) / scale, (y - cy) / scale, px / scale)

    def shaded(self, rgb: Tensor) -> Tensor:
        """Return ``rgb`` (B, 3, S, S) with the subjects' shadows on the ground."""
        ground = torch.sqrt((self.u / 0.55) ** 2 + ((self.v - 0.98) / 0.10) ** 2)
        return rgb * (1 - 0.35 * (1.2 - ground).clamp(0, 1).unsqueeze(1))

    def painted(self, rgb: Tensor, y: Tensor, identities: list[Identity], contexts: Sequence[Context]) -> Canvas:
        """Paint the subjects, all of one class and view, over ``rgb``."""
        anime = torch.tensor([float(c.style == "anime") for c in contexts]).view(-1, 1, 1)
        facing = torch.tensor([-1.0 if c.mirrored else 1.0 for c in contexts]).view(-1, 1, 1)
        canvas = Canvas(rgb, scenes.ground_depth(y), self.u, self.v, self.px, anime)
        paint_subject(canvas, identities, [c.expression for c in contexts], self.bones, contexts[0].view, facing)
        return canvas

    def drawn_skeleton(self) -> Tensor:
        """Draw the skeletons in colours on black. Returns (B, 3, S, S)."""
        return draw_skeleton(self.bones, self.u, self.v, self.px)

    def joints_in_pixels(self, size: int) -> Tensor:
        """Return the joints in pixels, (B, 7, 2)."""
        joints = self.bones.joints * self.scale + torch.cat([self.x, self.y], dim=2)
        return (joints + 1.0) * (size / 2)
