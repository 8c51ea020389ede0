"""The film strip: poses, the video's frames and independent frames, row by row in one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from dreamtuner.rendering.contact_sheet import (
    ALARM,
    ALARM_PAPER,
    CARD,
    GREY,
    INK,
    LINE,
    MARGIN,
    PAD,
    PAPER,
    Heading,
    size_within,
)
from dreamtuner.rendering.text import font, room, wrap, write

FRAME, GAP, LABEL, MOST = 96, 6, 150, 16
"""Side of a frame, pixels; space between; width of the labels; frames of a clip that are shown at most."""
TITLE = 34


@dataclass(frozen=True)
class Strip:
    """One clip: the poses, and the ways to generate it, each with its name, flicker (None: unknown) and frames."""

    title: str
    poses: Sequence[Image.Image]
    ways: Sequence[tuple[str, float | None, Sequence[Image.Image | None]]]


def film_strip(title: str, detail: str, strips: Sequence[Strip], warnings: Sequence[str] = ()) -> Image.Image:
    """Draw the strips, RGB. Of more than MOST frames, MOST are shown, evenly spread from the first to the last.

    `warnings`: what affects the frames beyond what the spec states.
    """
    shown = max([min(len(one.poses), MOST) for one in strips], default=0)
    width = max(2 * MARGIN + 2 * PAD + LABEL + shown * (FRAME + GAP) - GAP, 720)
    heading = Heading(title, detail, warnings, width)
    titles = [wrap(one.title, font(18, bold=True), width - 2 * (MARGIN + PAD)) for one in strips]
    heads = [TITLE + room(lines[1:], font(18, bold=True), 5) for lines in titles]
    heights = [2 * PAD + h + (1 + len(one.ways)) * (FRAME + GAP) - GAP for one, h in zip(strips, heads, strict=True)]
    sheet = Image.new("RGB", (width, heading.height + sum(height + MARGIN for height in heights)), PAPER)
    draw = ImageDraw.Draw(sheet)
    heading.draw(draw)
    y = heading.height
    for one, lines, head, height in zip(strips, titles, heads, heights, strict=True):
        draw.rounded_rectangle((MARGIN, y, width - MARGIN, y + height), radius=14, fill=CARD, outline=LINE)
        write(draw, (MARGIN + PAD, y + PAD - 6), "\n".join(lines), font(18, bold=True), INK, spacing=5)
        _strip(sheet, draw, one, MARGIN + PAD, y + PAD + head)
        y += height + MARGIN
    return sheet


def _strip(sheet: Image.Image, draw: ImageDraw.ImageDraw, strip: Strip, x: int, y: int) -> None:
    last = len(strip.poses) - 1
    places = range(last + 1) if last < MOST else [round(i * last / (MOST - 1)) for i in range(MOST)]
    rows: list[tuple[str, str, Sequence[Image.Image | None]]] = [("poses", f"{last + 1} frames", strip.poses)]
    rows += [(name, "" if value is None else f"flicker {value:.2f} of 255", row) for name, value, row in strip.ways]
    for name, note, row in rows:
        lines = wrap(name, font(15), LABEL - GAP, max_lines=3)
        more = room(lines[1:], font(15))
        write(draw, (x, y + (FRAME - more) // 2 - 20), "\n".join(lines), font(15), INK)
        write(draw, (x, y + (FRAME + more) // 2 + 2), wrap(note, font(12), LABEL - GAP, max_lines=1)[0], font(12), GREY)
        for column, place in enumerate(places):
            left = x + LABEL + column * (FRAME + GAP)
            box = (left, y, left + FRAME - 1, y + FRAME - 1)
            frame = row[place]
            if frame is None:
                draw.rectangle(box, fill=ALARM_PAPER, outline=ALARM)
            else:
                size = size_within(frame.size, FRAME)
                small = frame.convert("RGB").resize(size, Image.Resampling.LANCZOS)
                sheet.paste(small, (left + (FRAME - size[0]) // 2, y + (FRAME - size[1]) // 2))
        y += FRAME + GAP
