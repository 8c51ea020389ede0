"""Lays out pairs: both references, where they were asked to be, and their images by each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

from dreamtuner.evaluation.pairs.request import PairRequest
from dreamtuner.rendering.text import font, wrap, write

TILE, GAP, SPLIT, HEAD = 128, 4, 20, 30
MOST_LINES = 2


def pair_sheet(requests: Sequence[PairRequest], images: Mapping[str, Sequence[Image.Image]]) -> Image.Image:
    """Return a sheet, a row for each pair: references, the image as the world draws it, then those of each row.

    The pairs are the first ones, not selected. Raises ValueError if there is none.
    """
    if not requests:
        raise ValueError("requests: there is no pair; give one or more")
    shape = {row: TILE * found[0].width // found[0].height for row, found in images.items()}
    columns = [("left", TILE), ("right", TILE), ("as drawn", TILE), *shape.items()]
    gaps = [GAP + SPLIT * (column in (2, 3)) for column in range(len(columns))]  # before each
    edges = [sum(gaps[: i + 1]) + sum(width for _, width in columns[:i]) for i in range(len(columns))]
    height = TILE + 34
    sheet = Image.new("RGB", (edges[-1] + columns[-1][1] + GAP, HEAD + len(requests) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for (head, _), x in zip(columns, edges, strict=True):
        write(draw, (x, 7), head, font(13, bold=True), "black")
    for i, one in enumerate(requests):
        y = HEAD + i * height
        true = Image.fromarray((one.rendered.image[0].permute(1, 2, 0) * 255).round().byte().numpy())
        tiles = [*(one.reference(each).image for each in one.pair), _boxed(true, one)]
        tiles += [each[i] for each in images.values()]
        for tile, (_, width), x in zip(tiles, columns, edges, strict=True):
            sheet.paste(tile.convert("RGB").resize((width, TILE), Image.Resampling.NEAREST), (x, y))
        lines = wrap(one.prompt, font(12), sheet.width - 2 * GAP)[:MOST_LINES]
        write(draw, (GAP, y + TILE + 2), "\n".join(lines), font(12), "#33302a")
    return sheet


def _boxed(image: Image.Image, one: PairRequest) -> Image.Image:
    """Return the image with both boxes."""
    large = image.resize((TILE, TILE), Image.Resampling.NEAREST)
    draw, scale = ImageDraw.Draw(large), TILE / image.width
    for each, colour in zip(one.pair, ("#d0342c", "#1d5fbf"), strict=True):
        draw.rectangle([side * scale for side in one.boxes[each]], outline=colour, width=2)
    return large
