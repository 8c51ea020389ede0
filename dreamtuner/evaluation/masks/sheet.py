"""Draws images side by side with their true masks and what each masker found, the worst first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from dreamtuner.evaluation.masks.measure import Judged
from dreamtuner.rendering.text import font, write

TILE, GAP, LINE = 200, 8, 34
_AROUND = np.array([170.0, 0.0, 170.0])


def mask_sheet(done: Sequence[Judged], most: int = 24) -> Image.Image:
    """Return a sheet of the `most` images with the worst masks: each with its truth and every masker's overlay.

    Pixels outside a mask are tinted purple. Below each overlay stand the intersection over union and the confidence;
    doubtful masks are marked.
    """
    rows: dict[int, list[Judged]] = {}
    for one in done:
        rows.setdefault(id(one.known), []).append(one)
    worst = sorted(rows.values(), key=lambda row: min(one.iou for one in row))[:most]
    columns = 2 + max((len(row) for row in worst), default=0)
    size = GAP + columns * (TILE + GAP), GAP + len(worst) * (TILE + LINE + GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for number, row in enumerate(worst):
        y, known = GAP + number * (TILE + LINE + GAP), row[0].known
        tiles = [(known.image, known.name, known.group), (overlay(known.image, known.truth), "true mask", "")]
        for one in row:
            doubt = ", doubtful" if one.found.doubtful else ""
            figures = f"IoU {one.iou:.2f}, sure {one.found.confidence:.2f}{doubt}"
            tiles.append((overlay(known.image, one.found.mask), f"{one.masker} ({one.found.method})", figures))
        for column, (image, title, detail) in enumerate(tiles):
            x = GAP + column * (TILE + GAP)
            sheet.paste(_fitted(image), (x, y))
            write(draw, (x, y + TILE + 2), title, font(11, bold=True), "black")
            write(draw, (x, y + TILE + 17), detail, font(11), "#444444")
    return sheet


def overlay(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Return an RGB image with everything outside a mask (L, of its size) tinted."""
    pixels, outside = np.asarray(image).astype(np.float64), np.asarray(mask) == 0
    pixels[outside] = 0.35 * pixels[outside] + 0.65 * _AROUND
    return Image.fromarray(pixels.round().astype(np.uint8))


def _fitted(image: Image.Image) -> Image.Image:
    scale = TILE / max(image.size)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
