"""Signed distances of simple shapes, for a batch at once: negative inside, in the units of the coordinates."""

from __future__ import annotations

import torch
from torch import Tensor


def ellipse(x: Tensor, y: Tensor, rx: Tensor | float, ry: Tensor | float) -> Tensor:
    """Return the distance to an ellipse at the origin, to first order (exact on its border)."""
    k0 = torch.sqrt((x / rx) ** 2 + (y / ry) ** 2)
    k1 = torch.sqrt((x / rx**2) ** 2 + (y / ry**2) ** 2)
    return k0 * (k0 - 1.0) / k1.clamp_min(1e-6)


def box(x: Tensor, y: Tensor, hx: Tensor | float, hy: Tensor | float, corner: float = 0.0) -> Tensor:
    """Return the distance to a box at the origin with half sides ``hx``, ``hy`` and rounded corners."""
    dx, dy = x.abs() - hx + corner, y.abs() - hy + corner
    outside = torch.sqrt(dx.clamp_min(0) ** 2 + dy.clamp_min(0) ** 2)
    return outside + torch.maximum(dx, dy).clamp_max(0) - corner


def capsule(x: Tensor, y: Tensor, ax: Tensor, ay: Tensor, bx: Tensor, by: Tensor, radius: Tensor | float) -> Tensor:
    """Return the distance to a thick segment from (ax, ay) to (bx, by)."""
    dx, dy = bx - ax, by - ay
    t = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).clamp_min(1e-9)).clamp(0, 1)
    return torch.sqrt((x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2) - radius


def polygon(x: Tensor, y: Tensor, vertices: Tensor) -> Tensor:
    """Return the exact distance to a polygon with ``vertices`` (V, 2) in order."""
    distance = torch.full_like(x, 1e9)
    sign = torch.ones_like(x)
    previous = vertices[-1]
    for vertex in vertices:
        ex, ey = previous[0] - vertex[0], previous[1] - vertex[1]
        wx, wy = x - vertex[0], y - vertex[1]
        t = ((wx * ex + wy * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        distance = torch.minimum(distance, (wx - ex * t) ** 2 + (wy - ey * t) ** 2)
        above, below = y >= vertex[1], y < previous[1]
        left = ex * wy > ey * wx
        flip = (above & below & left) | (~above & ~below & ~left)
        sign = torch.where(flip, -sign, sign)
        previous = vertex
    return sign * torch.sqrt(distance)


def star(x: Tensor, y: Tensor, radius: float) -> Tensor:
    """Return the distance to a five-pointed star, one point up."""
    k = torch.arange(10, dtype=x.dtype)
    angle = k * (torch.pi / 5) - torch.pi / 2
    r = torch.where(k % 2 == 0, radius, radius * 0.45)
    return polygon(x, y, torch.stack([r * torch.cos(angle), r * torch.sin(angle)], dim=1))


def heart(x: Tensor, y: Tensor, radius: float) -> Tensor:
    """Return the distance to a heart: two discs and a wedge."""
    lobe = radius * 0.52
    discs = torch.sqrt((x.abs() - lobe * 0.9) ** 2 + (y + lobe * 0.6) ** 2) - lobe
    wedge = polygon(x, y, torch.tensor([[-radius * 0.9, -lobe * 0.25], [radius * 0.9, -lobe * 0.25], [0.0, radius]]))
    return torch.minimum(discs, wedge)


def cross(x: Tensor, y: Tensor, radius: float) -> Tensor:
    """Return the distance to an upright cross with thick arms."""
    return torch.minimum(box(x, y, radius, radius * 0.36), box(x, y, radius * 0.36, radius))
