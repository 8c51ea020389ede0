"""The film strip: poses, the video's frames and independent ones below one another, on one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from dreamtuner.lettering import font
from dreamtuner.sheet import ALARM, ALARM_PAPER, CARD, GREY, INK, LINE, MARGIN, PAD, PAPER

FRAME, GAP, LABEL, MOST = 96, 6, 150, 16
"""Side of a frame, pixels; space between; width of the labels; frames of a clip that are shown at most."""
TITLE = 34


@dataclass(frozen=True)
class Strip:
    """One clip: the poses, and ways to draw them, each with its name, its flicker (None: unknown) and its frames."""

    title: str
    poses: Sequence[Image.Image]
    ways: Sequence[tuple[str, float | None, Sequence[Image.Image | None]]]


def film_strip(title: str, detail: str, strips: Sequence[Strip]) -> Image.Image:
    """Draw the strips, RGB. Of more than MOST frames, MOST are shown, evenly spread from the first to the last."""
    shown = max([min(len(one.poses), MOST) for one in strips], default=0)
    width = max(2 * MARGIN + 2 * PAD + LABEL + shown * (FRAME + GAP) - GAP, 720)
    heights = [2 * PAD + TITLE + (1 + len(one.ways)) * (FRAME + GAP) - GAP for one in strips]
    sheet = Image.new("RGB", (width, 2 * MARGIN + 76 + sum(height + MARGIN for height in heights) - MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 4), title, font=font(30, bold=True), fill=INK)
    draw.text((MARGIN, MARGIN + 38), detail, font=font(15), fill=GREY)
    y = MARGIN + 76
    for one, height in zip(strips, heights, strict=True):
        draw.rounded_rectangle((MARGIN, y, width - MARGIN, y + height), radius=14, fill=CARD, outline=LINE)
        _strip(sheet, draw, one, MARGIN + PAD, y + PAD)
        y += height + MARGIN
    return sheet


def _strip(sheet: Image.Image, draw: ImageDraw.ImageDraw, strip: Strip, x: int, y: int) -> None:
    draw.text((x, y - 6), strip.title, font=font(18, bold=True), fill=INK)
    y += TITLE
    last = len(strip.poses) - 1
    places = range(last + 1) if last < MOST else [round(i * last / (MOST - 1)) for i in range(MOST)]
    rows: list[tuple[str, str, Sequence[Image.Image | None]]] = [("poses", f"{last + 1} frames", strip.poses)]
    rows += [(name, "" if value is None else f"flicker {value:.2f} of 255", row) for name, value, row in strip.ways]
    for name, note, row in rows:
        draw.text((x, y + FRAME // 2 - 20), name, font=font(15), fill=INK)
        draw.text((x, y + FRAME // 2 + 2), note, font=font(12), fill=GREY)
        for column, place in enumerate(places):
            left = x + LABEL + column * (FRAME + GAP)
            box = (left, y, left + FRAME - 1, y + FRAME - 1)
            frame = row[place]
            if frame is None:
                draw.rectangle(box, fill=ALARM_PAPER, outline=ALARM)
            else:
                sheet.paste(frame.convert("RGB").resize((FRAME, FRAME), Image.Resampling.LANCZOS), (left, y))
        y += FRAME + GAP
