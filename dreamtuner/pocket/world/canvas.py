"""Paints the layers of a subject one over another, in both styles, and updates mask and depth with each."""

from __future__ import annotations

import torch
from torch import Tensor

INK = torch.tensor([0.10, 0.08, 0.12]).view(1, 3, 1, 1)


class Canvas:
    """A batch of images being painted.

    ``u``, ``v`` (B, H, W) are subject coordinates, ``px`` (B, 1, 1) the size of a pixel in them, ``anime`` (B, 1, 1)
    is 1 where the style is outlined and flat, 0 where it is shaded.
    """

    def __init__(self, rgb: Tensor, depth: Tensor, u: Tensor, v: Tensor, px: Tensor, anime: Tensor) -> None:
        self.rgb, self.depth, self.u, self.v, self.px, self.anime = rgb, depth, u, v, px, anime
        self.mask = torch.zeros_like(u)

    def _cover(self, colour: Tensor, alpha: Tensor) -> None:
        self.rgb = self.rgb + (colour - self.rgb) * alpha.unsqueeze(1)

    def solid(self, distance: Tensor, colour: Tensor, *, near: float, bulge: float = 0.3) -> None:
        """Paint a body part: distance (B, H, W), colour (B, 3, H, W) or (B, 3, 1, 1), ``near`` its depth in 0..1."""
        ink = 1.6 * self.px * self.anime
        alpha = (0.5 - (distance - ink) / self.px).clamp(0, 1)
        inner = (0.5 - distance / self.px).clamp(0, 1)
        height = torch.sqrt((-distance / bulge).clamp(0, 1))
        light = (0.62 + 0.42 * height - 0.10 * self.u - 0.08 * self.v).unsqueeze(1)
        shaded = (colour * light).clamp(0, 1)
        fill = shaded + (colour - shaded) * self.anime.unsqueeze(1)
        self._cover(INK, alpha)
        self._cover(fill, inner)
        self.mask = torch.maximum(self.mask, alpha)
        self.depth = torch.where(alpha > 0.5, torch.maximum(self.depth, near + 0.12 * height), self.depth)

    def mark(self, distance: Tensor, colour: Tensor) -> None:
        """Paint a flat marking on the parts painted so far: it changes colour only where the subject is."""
        self._cover(colour, (0.5 - distance / self.px).clamp(0, 1) * self.mask)
