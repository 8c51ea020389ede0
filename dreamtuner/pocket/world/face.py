"""Eyes, muzzle and mouth, with the expression."""

from __future__ import annotations

import torch
from torch import Tensor

from dreamtuner.pocket.world import shapes
from dreamtuner.pocket.world.canvas import INK, Canvas
from dreamtuner.pocket.world.identity import Identity

_WHITE = torch.ones(1, 3, 1, 1)
_MOUTH = torch.tensor([0.62, 0.10, 0.14]).view(1, 3, 1, 1)


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
    eye_x, eye_y = (0.26, -0.25) if kind == "frog" else (0.15, -0.08)
    mouth_y = 0.13
    if kind == "duck":
        canvas.solid(shapes.ellipse(x, y - 0.12, 0.30, 0.10), beak.expand_as(muzzle), near=0.84)
        mouth_y = 0.20
    elif kind != "robot":
        canvas.mark(shapes.ellipse(x, y - 0.13, 0.20 if kind != "frog" else 0.34, 0.12), muzzle)
    else:
        canvas.mark(shapes.box(x, y - 0.13, 0.24, 0.10), muzzle)

    ex, ey = ax - eye_x, y - eye_y
    closed = [e == "eyes closed" for e in expressions]
    big = [i.eyes == "big eyes" for i in identities]
    glasses = [i.eyes == "glasses" for i in identities]
    opened = [not c for c in closed]
    canvas.mark(_rows(glasses, shapes.box(ex, ey, 0.135, 0.115, 0.04)), INK)
    canvas.mark(_rows(glasses, shapes.box(ex, ey, 0.09, 0.07, 0.02)), _WHITE)
    canvas.mark(_rows(glasses, shapes.box(x, ey + 0.02, eye_x, 0.022)), INK)
    canvas.mark(
        _rows([b and o for b, o in zip(big, opened, strict=True)], shapes.ellipse(ex, ey, 0.115, 0.125)), _WHITE
    )
    canvas.mark(_rows(opened, shapes.ellipse(ex, ey, 0.055, 0.065)), INK)
    canvas.mark(_rows(closed, shapes.box(ex, ey - 0.02, 0.10, 0.026)), INK)

    my = y - mouth_y
    canvas.mark(_rows([e == "mouth open" for e in expressions], shapes.ellipse(x, my, 0.095, 0.085)), _MOUTH)
    curve = (my + 2.6 * x * x - 0.05).abs() - 0.026
    smile = torch.maximum(curve, ax - 0.15)
    canvas.mark(_rows([e == "smiling" for e in expressions], smile), INK)
    line = shapes.box(x, my, 0.075, 0.024)
    canvas.mark(_rows([e in ("neutral", "eyes closed") for e in expressions], line), INK)
