"""Lays out the references of subjects and the images made from them, one row for each subject."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from dreamtuner.evaluation.held_out import reference_of
from dreamtuner.evaluation.untrained.measure import Seen
from dreamtuner.evaluation.untrained.method import ALONE, FOUR, FRONT, SHOWS_FIRST, TWO
from dreamtuner.rendering.text import font, room, wrap, write

TILE, GAP, SPLIT, HEAD = 96, 4, 16, 40
LABEL = 136
SHOWN = 2
"""Images of a row and subject at most, of its first prompts."""
ROWS = (ALONE, TWO, SHOWS_FIRST, FOUR, FRONT)


def reference_sheet(measured: Sequence[Seen]) -> Image.Image:
    """Return a sheet: for each subject what its first picture hides, four references, then images by each row.

    The images of a column have one prompt and noise for a subject; they are the first ones, not selected.

    Raises:
        ValueError: there is no subject.
    """
    if not measured:
        raise ValueError("measured: there is no subject; give one or more")
    count = min(SHOWN, *(len(one.results[row].drawn.pictures) for one in measured for row in ROWS))
    group = SPLIT + count * (TILE + GAP)
    size = LABEL + 4 * (TILE + GAP) + len(ROWS) * group + GAP, HEAD + len(measured) * (TILE + GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    bold, plain = font(12, bold=True), font(12)
    write(draw, (GAP, 5), "hidden in the first", bold, "black")
    write(draw, (LABEL, 5), "references 1 to 4", bold, "black")
    start = LABEL + 4 * (TILE + GAP)
    for k, row in enumerate(ROWS):
        write(draw, (start + k * group + SPLIT, 5), f"from {row}".replace(", ", ",\n"), bold, "black")
    for i, one in enumerate(measured):
        y = HEAD + i * (TILE + GAP)
        lines = [line for name in one.subject.hidden for line in wrap(_told(one, name), plain, LABEL - 2 * GAP)]
        write(draw, (GAP, y + max(0, (TILE - room(lines, plain)) // 2)), "\n".join(lines), plain, "#33302a")
        for k, picture in enumerate(one.subject.references):
            sheet.paste(_tile(reference_of(picture).image), (LABEL + k * (TILE + GAP), y))
        for k, row in enumerate(ROWS):
            for j, image in enumerate(one.results[row].drawn.pictures[:count]):
                sheet.paste(_tile(image), (start + k * group + SPLIT + j * (TILE + GAP), y))
    return sheet


def _told(one: Seen, name: str) -> str:
    value: str = getattr(one.subject.first.identity, name)
    return value if name in ("hat", "eyes") else f"{name}: {value}"


def _tile(image: Image.Image) -> Image.Image:
    return image.convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)
