"""Puts images side by side in rows, without words: for previews of a training."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image


def montage(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Return the images of each row side by side, RGB on white, row below row."""
    width = max(sum(one.width for one in row) for row in rows)
    heights = [max(one.height for one in row) for row in rows]
    sheet = Image.new("RGB", (width, sum(heights)), "white")
    y = 0
    for row, height in zip(rows, heights, strict=True):
        x = 0
        for one in row:
            sheet.paste(one, (x, y))
            x += one.width
        y += height
    return sheet
