"""Where a subject is in an image of several: a box, or a mask as run lengths, as recipes hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from PIL import Image, ImageChops

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in 0..1 of the image's width and height."""
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
MASK_SIDE = 128
"""The longer side of a stored mask, pixels: as fine as the tokens of the finest layers."""
SAME_SHAPE = 0.05
"""Most by which the shapes of a mask and its image differ; masks are stored at whole pixels."""


def check_box(box: Sequence[float]) -> Box:
    """Return a box as a tuple. Raises ValueError unless it lies in the image and has an area."""
    try:
        numbers = [float(value) for value in box]
    except OverflowError:
        numbers = []
    if len(numbers) != 4 or not (0 <= numbers[0] < numbers[2] <= 1 and 0 <= numbers[1] < numbers[3] <= 1):
        given = "[" + ", ".join(str(value)[:12] if abs(value) > 1e6 else f"{value:g}" for value in box) + "]"
        raise ValueError(
            f"{given} is no box in the image; give left, top, right and bottom in 0..1, such as [0, 0, 0.5, 1]"
        )
    return numbers[0], numbers[1], numbers[2], numbers[3]


def columns(count: int) -> list[Box]:
    """Return `count` boxes of equal width side by side, from left to right."""
    return [(i / count, 0.0, (i + 1) / count, 1.0) for i in range(count)]


def encoded(mask: Image.Image) -> dict[str, Any]:
    """Encode a mask, white inside, by run lengths, as COCO does uncompressed.

    `size`: height and width; `counts`: lengths of runs of outside and inside in turn, column by column, outside first.
    A mask whose longer side is above MASK_SIDE is reduced to it. Raises ValueError if nothing is inside.
    """
    grey = mask.convert("L")
    longer = max(grey.size)
    if longer > MASK_SIDE:
        size = (max(1, round(side * MASK_SIDE / longer)) for side in grey.size)
        grey = grey.resize(tuple(size), Image.Resampling.BOX)  # type: ignore[arg-type]  # there are two
    bits = [value >= 128 for value in grey.transpose(Image.Transpose.TRANSPOSE).tobytes()]
    if not any(bits):
        raise ValueError("the mask is black; paint white where the subject is to be")
    runs = [(inside, len(list(run))) for inside, run in groupby(bits)]
    counts = [length for _, length in runs]
    return {"size": [grey.height, grey.width], "counts": [0, *counts] if runs[0][0] else counts}


def decoded(region: Mapping[str, Any] | Sequence[float]) -> Box | Image.Image:
    """Return a region of a recipe: a box, or a mask (L, 0 or 255) of what `encoded` returned.

    Raises ValueError if it is neither.
    """
    if not isinstance(region, Mapping):
        return check_box(region)
    height, width = region["size"]
    bits = b"".join((b"\xff" if i % 2 else b"\0") * length for i, length in enumerate(region["counts"]))
    if len(bits) != width * height:
        raise ValueError(f"region: run lengths of {len(bits)} pixels are no mask of {width} x {height}")
    return Image.frombytes("L", (height, width), bits).transpose(Image.Transpose.TRANSPOSE)


def mask_of(region: Mapping[str, Any] | Sequence[float], size: tuple[int, int]) -> Image.Image:
    """Return a region of a recipe as a mask (L, 0 or 255) of an image of this width and height."""
    found = decoded(region)
    if isinstance(found, Image.Image):
        return found.resize(size, Image.Resampling.NEAREST)
    left, top, right, bottom = (round(side * length) for side, length in zip(found, (*size, *size), strict=True))
    left, top = min(left, size[0] - 1), min(top, size[1] - 1)  # a thin box at the edge rounds to what is beyond it
    mask = Image.new("L", size)
    mask.paste(255, (left, top, max(right, left + 1), max(bottom, top + 1)))
    return mask


def is_stretched(region: Mapping[str, Any] | Sequence[float], size: tuple[int, int]) -> bool:
    """Return whether a region of a recipe is a mask of another shape than an image of this width and height."""
    if not isinstance(region, Mapping):
        return False
    height, width = region["size"]
    return bool(abs(width * size[1] / (height * size[0]) - 1) > SAME_SHAPE)


def own_shares(regions: Sequence[Mapping[str, Any] | Sequence[float]], size: tuple[int, int]) -> list[float]:
    """Return the share of an image of this width and height, 0..1, that each region has to itself.

    `regions`: from back to front; of two that overlap, the later one covers the other.
    """
    taken, shares = Image.new("L", size), []
    for region in reversed(regions):
        mask = mask_of(region, size)
        shares.append(ImageChops.subtract(mask, taken).histogram()[255] / (size[0] * size[1]))
        taken = ImageChops.lighter(taken, mask)
    return shares[::-1]
