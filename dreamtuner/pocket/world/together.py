"""Renders several subjects in one image: side by side or overlapping, each with its own pose, box and mask."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dreamtuner.pocket.world.context import EXPRESSIONS, POSES, SCENES, STYLES, VIEWS, Context, Style
from dreamtuner.pocket.world.identity import Identity
from dreamtuner.pocket.world.place import Placed, background, picture_axes
from dreamtuner.pocket.world.render import SIZE

Cast = Sequence[tuple[Identity, Context]]
"""The subjects of one image, from back to front."""
BEHIND = 0.08  # nearness that a subject loses for every subject in front of it


@dataclass(frozen=True)
class Together:
    """A batch of B images of N subjects each, with their ground truth.

    Attributes:
        image: (B, 3, S, S) RGB in 0..1.
        masks: (B, N, S, S) the visible part of each subject, in 0..1.
        boxes: (B, N, 4) left, top, right, bottom in pixels of each whole subject, hidden parts included.
        depth: (B, 1, S, S) nearness in 0 (far) .. 1 (near).
        pose: (B, 3, S, S) all skeletons drawn in colours on black.
        joints: (B, N, 7, 2) joints in pixels (x, y).
    """

    image: Tensor
    masks: Tensor
    boxes: Tensor
    depth: Tensor
    pose: Tensor
    joints: Tensor


def draw_pair(rng: random.Random, *, style: Style | None = None) -> tuple[Context, Context]:
    """Sample contexts of two subjects in one scene, from back to front; either may be the left one.

    Four in five of them face the camera. At the smallest distance an arm or a foot hides a little of the other subject.
    """
    scene, seed = rng.choice(SCENES), rng.getrandbits(31)
    chosen: Style = rng.choice(STYLES) if style is None else style
    apart, middle, sign = rng.uniform(0.78, 1.0), rng.uniform(-0.05, 0.05), rng.choice((-1, 1))
    down = rng.uniform(0.08, 0.16)

    def one(side: int, front: bool) -> Context:
        return Context(
            scene=scene,
            pose=rng.choice(POSES),
            style=chosen,
            expression=rng.choice(EXPRESSIONS),
            x=middle + side * apart / 2,
            y=down + (rng.uniform(0.0, 0.06) if front else 0.0),
            size=rng.uniform(0.58, 0.68),
            mirrored=rng.random() < 0.5,
            seed=seed,
            view=rng.choice(VIEWS) if rng.random() < 0.3 else "front",
        )

    return one(sign, False), one(-sign, True)


def render_together(casts: Sequence[Cast], size: int = SIZE) -> Together:
    """Render images of several subjects, ``casts[i]`` from back to front in image i.

    Raises:
        ValueError: `casts` is empty, the images have no or different numbers of subjects, or the contexts of one image
            differ in scene, style or seed.
    """
    _check(casts)
    count, number = len(casts), len(casts[0])
    x, y, px = picture_axes(count, size)
    rgb = x.new_zeros((count, 3, size, size))
    for rows in _groups([cast[0][1].scene for cast in casts]):
        rgb[rows] = background([casts[i][0][1] for i in rows], x[rows], y[rows], px)
    placed = [Placed.of([cast[k][1] for cast in casts], x, y, px) for k in range(number)]
    for one in placed:
        rgb = one.shaded(rgb)
    masks, boxes = x.new_zeros((count, number, size, size)), x.new_zeros((count, number, 4))
    depth, pose = masks[:, 0], x.new_zeros((count, 3, size, size))
    for k in range(number):
        actors = [cast[k] for cast in casts]
        own = x.new_zeros((count, size, size))
        for rows in _groups([(identity.class_word, context.view) for identity, context in actors]):
            contexts = [actors[i][1] for i in rows]
            canvas = Placed.of(contexts, x[rows], y[rows], px).painted(
                rgb[rows], y[rows], [actors[i][0] for i in rows], contexts
            )
            rgb[rows], masks[rows, k], own[rows] = canvas.rgb, canvas.mask, canvas.depth
        cover = masks[:, k]
        before = own if k == 0 else torch.where(masks[:, :k].amax(1) > 0.5, depth - BEHIND, depth)
        depth = torch.where(cover > 0.5, own, before)
        boxes[:, k] = torch.stack([_box(mask) for mask in cover > 0.5])
        masks[:, :k] = masks[:, :k] * (1 - cover).unsqueeze(1)
        bones = placed[k].drawn_skeleton()
        pose = torch.where(bones.amax(1, keepdim=True) > 0, bones, pose)
    return Together(
        image=rgb.clamp(0, 1),
        masks=masks,
        boxes=boxes,
        depth=depth.clamp(0, 1).unsqueeze(1),
        pose=pose,
        joints=torch.stack([one.joints_in_pixels(size) for one in placed], dim=1),
    )


def _check(casts: Sequence[Cast]) -> None:
    if not casts or not casts[0]:
        raise ValueError("casts: no subject; give at least one image with one subject")
    for i, cast in enumerate(casts):
        if len(cast) != len(casts[0]):
            raise ValueError(
                f"casts[{i}]: {len(cast)} subjects, but {len(casts[0])} in the first; give the same number in each"
            )
        for name in ("scene", "style", "seed"):
            if len({getattr(context, name) for _, context in cast}) > 1:
                raise ValueError(f"casts[{i}]: its subjects differ in {name}; give all of them the same")


def _groups(keys: Sequence[object]) -> list[list[int]]:
    """Group the rows by key."""
    groups: dict[object, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _box(inside: Tensor) -> Tensor:
    """Return left, top, right, bottom of a boolean mask (S, S); zeros if it is empty."""
    rows, columns = inside.any(1).nonzero(), inside.any(0).nonzero()
    if not len(rows):
        return torch.zeros(4)
    return torch.stack([columns[0, 0], rows[0, 0], columns[-1, 0] + 1, rows[-1, 0] + 1]).float()
