"""Paints eyes, muzzle and mouth, with the expression."""

from __future__ import annotations

import torch
from torch import Tensor

from dreamtuner.pocket.world import shapes
from dreamtuner.pocket.world.canvas import INK, Canvas
from dreamtuner.pocket.world.identity import Identity

_WHITE = torch.ones(1, 3, 1, 1)
_MOUTH = torch.tensor([0.92, 0.16, 0.24]).view(1, 3, 1, 1)
_BLUSH = torch.tensor([1.0, 0.55, 0.66]).view(1, 3, 1, 1)


def _rows(flags: list[bool], distance: Tensor) -> Tensor:
    rows = torch.tensor(flags).view(-1, 1, 1)
    return torch.where(rows, distance, torch.full_like(distance, 9.0))


def paint_face(
    canvas: Canvas,
    kind: str,
    identities: list[Identity],
    expressions: list[str],
    x: Tensor,
    y: Tensor,
    muzzle: Tensor,
    beak: Tensor,
) -> None:
    """Paint the face around the head's centre: x, y (B, H, W) relative to it."""
    ax = x.abs()
    eye_x, eye_y, mouth_y = (0.30, -0.24, 0.14) if kind == "frog" else (0.19, -0.08, 0.19)
    if kind == "duck":
        canvas.solid(shapes.ellipse(x, y - 0.19, 0.32, 0.13), beak.expand_as(muzzle), near=0.84)
    elif kind == "robot":
        canvas.mark(shapes.box(x, y - 0.19, 0.29, 0.13), muzzle)
    else:
        canvas.mark(shapes.ellipse(x, y - mouth_y, 0.28 if kind != "frog" else 0.40, 0.15), muzzle)

    ex, ey = ax - eye_x, y - eye_y
    closed = [e == "eyes closed" for e in expressions]
    big = [i.eyes == "big eyes" for i in identities]
    glasses = [i.eyes == "glasses" for i in identities]
    opened = [not c for c in closed]
    # rims stay when the eyes close, so that the kind of eyes is still visible
    canvas.mark(_rows(glasses, shapes.box(ex, ey, 0.185, 0.155, 0.04)), INK)
    canvas.mark(_rows(glasses, shapes.box(ex, ey, 0.125, 0.10, 0.02)), _WHITE)
    canvas.mark(_rows(glasses, shapes.box(x, ey + 0.02, eye_x, 0.025)), INK)
    canvas.mark(_rows(big, shapes.ellipse(ex, ey, 0.175, 0.185)), INK)
    canvas.mark(_rows(big, shapes.ellipse(ex, ey, 0.135, 0.145)), _WHITE)
    canvas.mark(
        _rows([b and c for b, c in zip(big, closed, strict=True)], shapes.ellipse(ex, ey, 0.135, 0.145)), muzzle
    )
    canvas.mark(_rows(opened, shapes.ellipse(ex, ey, 0.075, 0.09)), INK)
    canvas.mark(_rows(closed, shapes.box(ex, ey, 0.125, 0.032)), INK)

    my = y - mouth_y
    canvas.mark(_rows([e == "mouth open" for e in expressions], shapes.ellipse(x, my, 0.15, 0.125)), INK)
    canvas.mark(_rows([e == "mouth open" for e in expressions], shapes.ellipse(x, my, 0.10, 0.08)), _MOUTH)
    curve = (my + 2.8 * x * x - 0.07).abs() - 0.032
    smile = torch.maximum(curve, ax - 0.20)
    canvas.mark(_rows([e == "smiling" for e in expressions], smile), INK)
    canvas.mark(_rows([e == "smiling" for e in expressions], shapes.ellipse(ax - 0.31, my + 0.02, 0.07, 0.055)), _BLUSH)
    line = shapes.box(x, my, 0.085, 0.03)
    canvas.mark(_rows([e in ("neutral", "eyes closed") for e in expressions], line), INK)


def paint_profile(
    canvas: Canvas,
    kind: str,
    identities: list[Identity],
    expressions: list[str],
    x: Tensor,
    y: Tensor,
    muzzle: Tensor,
    beak: Tensor,
) -> None:
    """Paint the face of a head in profile: x (towards the nose), y (B, H, W) relative to its centre."""
    eye_x, eye_y, mouth_x, mouth_y = (0.24, -0.24, 0.40, 0.12) if kind == "frog" else (0.16, -0.08, 0.36, 0.17)
    if kind == "duck":
        canvas.solid(shapes.ellipse(x - 0.46, y - 0.14, 0.22, 0.12), beak.expand_as(muzzle), near=0.84)
        mouth_x, mouth_y = 0.48, 0.16
    elif kind == "robot":
        canvas.solid(shapes.box(x - 0.40, y - 0.17, 0.13, 0.14), muzzle, near=0.80)
    else:
        canvas.solid(shapes.ellipse(x - 0.36, y - mouth_y, 0.21, 0.16), muzzle, near=0.80)

    ex, ey = x - eye_x, y - eye_y
    closed = [e == "eyes closed" for e in expressions]
    big = [i.eyes == "big eyes" for i in identities]
    glasses = [i.eyes == "glasses" for i in identities]
    canvas.mark(_rows(glasses, shapes.box(ex, ey, 0.185, 0.155, 0.04)), INK)
    canvas.mark(_rows(glasses, shapes.box(ex, ey, 0.125, 0.10, 0.02)), _WHITE)
    canvas.mark(_rows(glasses, shapes.box(ex + 0.30, ey + 0.02, 0.16, 0.025)), INK)  # the temple, back to the ear
    canvas.mark(_rows(big, shapes.ellipse(ex, ey, 0.175, 0.185)), INK)
    canvas.mark(_rows(big, shapes.ellipse(ex, ey, 0.135, 0.145)), _WHITE)
    canvas.mark(
        _rows([b and c for b, c in zip(big, closed, strict=True)], shapes.ellipse(ex, ey, 0.135, 0.145)), muzzle
    )
    canvas.mark(_rows([not c for c in closed], shapes.ellipse(ex, ey, 0.075, 0.09)), INK)
    canvas.mark(_rows(closed, shapes.box(ex, ey, 0.125, 0.032)), INK)

    mx, my = x - mouth_x, y - mouth_y
    canvas.mark(_rows([e == "mouth open" for e in expressions], shapes.ellipse(mx, my, 0.13, 0.115)), INK)
    canvas.mark(_rows([e == "mouth open" for e in expressions], shapes.ellipse(mx, my, 0.085, 0.07)), _MOUTH)
    curve = (my + 2.8 * mx * mx - 0.05).abs() - 0.032
    canvas.mark(_rows([e == "smiling" for e in expressions], torch.maximum(curve, mx.abs() - 0.17)), INK)
    blush = shapes.ellipse(mx + 0.27, my + 0.02, 0.07, 0.055)
    canvas.mark(_rows([e == "smiling" for e in expressions], blush), _BLUSH)
    canvas.mark(_rows([e in ("neutral", "eyes closed") for e in expressions], shapes.box(mx, my, 0.085, 0.03)), INK)
