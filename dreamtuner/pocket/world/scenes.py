"""Paints the six backgrounds: colours and ground depth for a batch of images of one scene."""

from __future__ import annotations

import torch
from torch import Tensor

HORIZON = 0.30  # in image units, y down


def _rgb(r: float, g: float, b: float) -> Tensor:
    return torch.tensor([r, g, b]).view(1, 3, 1, 1)


def _over(base: Tensor, colour: Tensor, alpha: Tensor) -> Tensor:
    return base + (colour - base) * alpha.unsqueeze(1)


def _edge(distance: Tensor, px: float) -> Tensor:
    """Return the coverage of an anti-aliased edge: 1 where ``distance`` is negative."""
    return (0.5 - distance / px).clamp(0, 1)


def _split(y: Tensor, upper: Tensor, lower: Tensor, px: float, at: float = HORIZON) -> Tensor:
    shape = (y.shape[0], 3, *y.shape[1:])
    return _over(upper.expand(shape), lower.expand(shape), _edge(at - y, px))


def paint(scene: str, x: Tensor, y: Tensor, details: Tensor, px: float) -> Tensor:
    """Paint ``scene``: x, y (B, H, W) in image units, details (B, 8) uniform in 0..1 -> RGB (B, 3, H, W) in 0..1."""
    d = details.view(*details.shape, 1, 1)
    shift = d[:, 0] - 0.5
    if scene == "on the beach":
        picture = _split(y, _rgb(0.62, 0.84, 0.98), _rgb(0.93, 0.83, 0.60), px)
        sea = _edge((y - 0.12).abs() - 0.18, px)
        picture = _over(picture, _rgb(0.16, 0.55, 0.78), sea)
        sun = _edge(torch.sqrt((x - 0.70 - 0.2 * shift) ** 2 + (y + 0.75) ** 2) - 0.17, px)
        return _over(picture, _rgb(1.0, 0.90, 0.40), sun)
    if scene == "in the snow":
        hill = HORIZON - 0.15 + 0.12 * torch.sin(2.2 * x + 6.28 * d[:, 1])
        picture = _over(
            _split(y, _rgb(0.70, 0.76, 0.84), _rgb(0.92, 0.95, 0.99), px), _rgb(0.97, 0.98, 1.0), _edge(hill - y, px)
        )
        gx, gy = (x + shift) * 3.0, (y + d[:, 2]) * 3.0
        flake = torch.sqrt((gx - gx.round()) ** 2 + (gy - gy.round()) ** 2) / 3.0 - 0.035
        return _over(picture, _rgb(1.0, 1.0, 1.0), _edge(flake, px) * (y < 0.1))
    if scene == "in the forest":
        picture = _split(y, _rgb(0.24, 0.44, 0.30), _rgb(0.42, 0.56, 0.24), px)
        trunk = ((x + 0.35 * shift) * 1.55 + 0.5).remainder(1.0) - 0.5
        picture = _over(picture, _rgb(0.36, 0.24, 0.15), _edge(trunk.abs() / 1.55 - 0.085, px) * _edge(y - 0.36, px))
        crown = y + 0.62 - 0.07 * torch.sin(9 * x + 6.28 * d[:, 1])
        return _over(picture, _rgb(0.11, 0.30, 0.17), _edge(crown, px))
    if scene == "in the city":
        picture = _split(y, _rgb(0.80, 0.82, 0.86), _rgb(0.42, 0.43, 0.46), px, 0.45)
        column = ((x + shift) / 0.5).floor()
        height = -0.55 + 0.35 * torch.sin(column * 2.4 + 6.28 * d[:, 1])
        inside = ((x + shift) / 0.5).remainder(1.0) - 0.5
        house = _edge(torch.maximum(height - y, inside.abs() * 0.5 - 0.235), px) * _edge(y - 0.45, px)
        picture = _over(picture, _rgb(0.56, 0.50, 0.52), house)
        wx, wy = (inside * 3.0).remainder(1.0) - 0.5, (y * 5.0).remainder(1.0) - 0.5
        window = _edge(torch.maximum(wx.abs() / 6.0 - 0.045, wy.abs() / 5.0 - 0.05), px)
        picture = _over(picture, _rgb(0.98, 0.90, 0.62), window * house * (y > height + 0.08))
        return _over(
            picture, _rgb(0.95, 0.95, 0.95), _edge((y - 0.72).abs() - 0.03, px) * ((x * 2 + shift).remainder(1.0) < 0.5)
        )
    if scene == "at night":
        picture = _split(y, _rgb(0.06, 0.08, 0.22), _rgb(0.12, 0.18, 0.20), px)
        gx, gy = (x + shift) * 2.5, (y + 0.7 * gx_shift(x, shift)) * 2.5
        star = torch.sqrt((gx - gx.round()) ** 2 + (gy - gy.round()) ** 2) / 2.5 - 0.03
        picture = _over(picture, _rgb(0.98, 0.96, 0.80), _edge(star, px) * (y < 0.2))
        mx = x + 0.68 + 0.2 * shift
        moon = torch.maximum(
            torch.sqrt(mx**2 + (y + 0.70) ** 2) - 0.19, 0.17 - torch.sqrt((mx - 0.10) ** 2 + (y + 0.76) ** 2)
        )
        return _over(picture, _rgb(0.98, 0.95, 0.72), _edge(moon, px))
    picture = _split(y, _rgb(0.93, 0.74, 0.62), _rgb(0.62, 0.40, 0.26), px, 0.42)
    plank = ((y - 0.42) * 6.0).remainder(1.0)
    picture = _over(picture, _rgb(0.50, 0.31, 0.19), _edge(plank.sub(0.12) / 6.0, px) * _edge(0.42 - y, px))
    side = torch.where(d[:, 3] < 0.5, -1.0, 1.0)
    wx, wy = x - side * 0.66, y + 0.48
    frame = torch.maximum(wx.abs() - 0.27, wy.abs() - 0.33)
    picture = _over(picture, _rgb(1.0, 1.0, 0.98), _edge(frame, px))
    pane = torch.maximum(frame + 0.06, 0.025 - torch.minimum(wx.abs(), wy.abs()))
    return _over(picture, _rgb(0.60, 0.85, 0.98), _edge(pane, px))


def gx_shift(x: Tensor, shift: Tensor) -> Tensor:
    """Stagger the rows of stars by column, so that they do not look like a grid."""
    column: Tensor = ((x + shift) * 2.5).round()
    return torch.sin(column * 1.9)


def ground_depth(y: Tensor) -> Tensor:
    """Return the nearness of the background, 0 (far) .. 0.6 (near), for y (B, H, W)."""
    return ((y - HORIZON) / (1.0 - HORIZON)).clamp(0, 1) * 0.6
