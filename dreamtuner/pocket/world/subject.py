"""Paints a subject of one class, part by part, from back to front."""

from __future__ import annotations

import torch
from torch import Tensor

from dreamtuner.pocket.world import shapes
from dreamtuner.pocket.world.canvas import INK, Canvas
from dreamtuner.pocket.world.face import paint_face, paint_profile
from dreamtuner.pocket.world.identity import EMBLEMS, PATTERNS, RGB, Identity
from dreamtuner.pocket.world.skeleton import Skeleton

ABSENT = 9.0
_GIRTH = {"slim": 0.26, "medium": 0.34, "round": 0.44}
_BEAK = torch.tensor([0.98, 0.60, 0.16]).view(1, 3, 1, 1)


def _colours(names: list[str]) -> Tensor:
    return torch.tensor([RGB[n] for n in names]).view(-1, 3, 1, 1)


def chosen(values: list[str], value: str, distance: Tensor) -> Tensor:
    """Return ``distance`` (B, H, W) for the rows whose attribute is ``value``; far outside for the others."""
    rows = torch.tensor([v == value for v in values]).view(-1, 1, 1)
    return torch.where(rows, distance, torch.full_like(distance, ABSENT))


def _patterned(identities: list[Identity], x: Tensor, y: Tensor, px: Tensor) -> Tensor:
    """Return the coat: primary colour with a pattern in the secondary, (B, 3, H, W)."""
    primary = _colours([i.primary for i in identities])
    secondary = _colours([i.secondary for i in identities])
    stripe = ((y / 0.34).remainder(1.0) - 0.5).abs() * 0.34 - 0.08
    gx, gy = x / 0.30, y / 0.30
    spot = torch.sqrt((gx - gx.round()) ** 2 + (gy - gy.round()) ** 2) * 0.30 - 0.085
    patterns = [i.pattern for i in identities]
    distance = torch.full_like(x, ABSENT)
    for name, shape in zip(PATTERNS[1:], (stripe, spot, x), strict=True):
        distance = torch.minimum(distance, chosen(patterns, name, shape))
    alpha = (0.5 - distance / px).clamp(0, 1).unsqueeze(1)
    return primary + (secondary - primary) * alpha


def _ears(canvas: Canvas, kind: str, x: Tensor, y: Tensor, coat: Tensor, inner: Tensor) -> None:
    """Paint ears or antennae: x, y relative to the head's centre."""
    ax = x.abs()
    if kind == "bear":
        canvas.solid(shapes.ellipse(ax - 0.36, y + 0.32, 0.17, 0.17), coat, near=0.66)
        canvas.mark(shapes.ellipse(ax - 0.36, y + 0.32, 0.09, 0.09), inner)
    elif kind == "rabbit":
        canvas.solid(shapes.ellipse(ax - 0.26, y + 0.54, 0.12, 0.28), coat, near=0.66)
        canvas.mark(shapes.ellipse(ax - 0.26, y + 0.54, 0.06, 0.20), inner)
    elif kind == "cat":
        triangle = torch.tensor([[-0.20, 0.16], [0.17, 0.16], [0.10, -0.26]])
        canvas.solid(shapes.polygon(ax - 0.27, y + 0.38, triangle), coat, near=0.66)
        canvas.mark(shapes.polygon((ax - 0.29) * 1.9, (y + 0.36) * 1.9, triangle), inner)
    elif kind == "robot":
        zero = torch.zeros_like(x)
        canvas.solid(shapes.capsule(ax, y, zero + 0.27, zero - 0.26, zero + 0.36, zero - 0.58, 0.04), coat, near=0.66)
        canvas.solid(shapes.ellipse(ax - 0.37, y + 0.59, 0.10, 0.10), inner, near=0.66)


def _head(kind: str, x: Tensor, y: Tensor) -> Tensor:
    if kind == "robot":
        return shapes.box(x, y, 0.43, 0.36, 0.06)
    if kind == "frog":
        return shapes.ellipse(x, y, 0.54, 0.31)
    if kind == "duck":
        return shapes.ellipse(x, y, 0.40, 0.40)
    return shapes.ellipse(x, y, 0.44, 0.39)


def _trunk(kind: str, x: Tensor, y: Tensor, girth: Tensor) -> Tensor:
    return shapes.box(x, y, girth, 0.40, 0.05) if kind == "robot" else shapes.ellipse(x, y, girth + 0.02, 0.39)


def _hat(canvas: Canvas, hats: list[str], x: Tensor, y: Tensor, colour: Tensor) -> None:
    cone = shapes.polygon(x, y, torch.tensor([[-0.22, 0.06], [0.22, 0.06], [0.0, -0.38]]))
    top = torch.minimum(shapes.box(x, y - 0.02, 0.28, 0.05), shapes.box(x, y + 0.15, 0.18, 0.18))
    crown = shapes.polygon(
        x,
        y,
        torch.tensor(
            [[-0.26, 0.06], [0.26, 0.06], [0.26, -0.26], [0.13, -0.08], [0.0, -0.28], [-0.13, -0.08], [-0.26, -0.26]]
        ),
    )
    for name, shape in (("cone hat", cone), ("top hat", top), ("crown", crown)):
        if name in hats:
            canvas.solid(chosen(hats, name, shape), colour, near=0.80)


def _emblem(canvas: Canvas, emblems: list[str], x: Tensor, y: Tensor, colour: Tensor) -> None:
    drawn = {
        "circle": shapes.ellipse(x, y, 0.17, 0.17),
        "star": shapes.star(x, y, 0.24),
        "heart": shapes.heart(x, y, 0.21),
        "cross": shapes.cross(x, y, 0.19),
    }
    distance = torch.full_like(x, ABSENT)
    for name in EMBLEMS:
        distance = torch.minimum(distance, chosen(emblems, name, drawn[name]))
    canvas.mark(distance - 0.045, INK.expand_as(colour))
    canvas.mark(distance, colour)


def paint_subject(
    canvas: Canvas,
    identities: list[Identity],
    expressions: list[str],
    bones: Skeleton,
    view: str = "front",
    facing: Tensor | None = None,
) -> None:
    """Paint subjects of ONE class in one ``view`` onto ``canvas``; ``bones`` gives their joints in subject units.

    ``facing`` (B, 1, 1): from the side, 1 where they face right and -1 where they face left.
    """
    kind = identities[0].class_word
    primary = _colours([i.primary for i in identities])
    secondary, accent = _colours([i.secondary for i in identities]), _colours([i.accent for i in identities])
    girth = torch.tensor([_GIRTH[i.shape] for i in identities]).view(-1, 1, 1)
    (hx, hy), (nx, ny), (px_, py) = bones["head"], bones["neck"], bones["pelvis"]
    u, v = canvas.u, canvas.v
    cx, cy = (nx + px_) / 2, (ny + py) / 2
    coat = _patterned(identities, cx - u if view == "back" else u - cx, v - cy, canvas.px)
    feet = _BEAK.expand_as(secondary) if kind == "duck" else secondary
    aside = view == "side"
    ahead = facing if aside and facing is not None else torch.ones_like(girth)
    spread = 0.0 if aside else 1.0  # from the side both limbs of a pair start in the middle

    def tail() -> None:
        way = -ahead if aside else (-1.0 if view == "back" else 1.0) * ahead
        tip = shapes.capsule(u, v, px_ + 0.2 * way, py, px_ + 0.62 * way, py - 0.30, 0.07)
        canvas.solid(tip, primary, near=0.60 if view == "front" else 0.70)

    def leg(side: str) -> None:
        fx, fy = bones[f"{side}_foot"]
        # a mirrored pose swaps sides: limbs start on the side where they end
        start = torch.where(fx < 0, -0.5, 0.5) * girth * spread
        toe = 0.08 * ahead if aside else 0.03 * fx.sign()
        canvas.solid(shapes.capsule(u, v, px_ + start, py, fx, fy - 0.03, 0.115), coat, near=0.64)
        canvas.solid(shapes.ellipse(u - fx - toe, v - fy, 0.17, 0.11), feet, near=0.66)

    def arm(side: str) -> None:
        ax, ay = bones[f"{side}_hand"]
        start = nx + torch.where(ax < nx, -0.85, 0.85) * girth * spread
        canvas.solid(shapes.capsule(u, v, start, ny + 0.12, ax, ay, 0.105), coat, near=0.72)
        canvas.solid(shapes.ellipse(u - ax, v - ay, 0.135, 0.135), secondary, near=0.74)

    if kind == "cat" and view == "front":
        tail()
    if aside:
        arm("left")
    for side in ("left", "right"):
        leg(side)
    canvas.solid(_trunk(kind, u - cx, v - cy, girth), coat, near=0.68)
    if view == "front":
        _emblem(canvas, [i.emblem for i in identities], u - cx, v - cy - 0.06, accent)
    for side in ("right",) if aside else ("left", "right"):
        arm(side)
    if view != "front":
        if kind == "cat":
            tail()
        elif kind in ("bear", "rabbit"):
            behind = px_ - (girth + 0.02) * ahead if aside else px_
            canvas.solid(shapes.ellipse(u - behind, v - py + 0.06, 0.13, 0.12), secondary, near=0.72)

    x, y = (u - hx) * ahead, v - hy
    _ears(canvas, kind, x, y, primary, secondary)
    canvas.solid(_head(kind, x, y), primary, near=0.76)
    if kind == "frog":  # the eyes bulge in front of the head
        bulge = (x - 0.24).abs() if aside else x.abs() - 0.30
        canvas.solid(shapes.ellipse(bulge, y + 0.22, 0.20, 0.20), primary, near=0.78)
    if view != "back":
        face = paint_profile if aside else paint_face
        face(canvas, kind, identities, expressions, x, y, secondary, _BEAK)
    _hat(canvas, [i.hat for i in identities], x, y + {"robot": 0.35, "frog": 0.42}.get(kind, 0.39), accent)
