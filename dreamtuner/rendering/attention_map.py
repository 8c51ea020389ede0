"""Renders attention maps: the query point in the generated image, and the reference under a heat map per layer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from dreamtuner.attention.maps import QueryAttention
from dreamtuner.rendering.contact_sheet import CARD, GREY, INK, LINE, MARGIN, PAD, PAPER, Heading, size_within
from dreamtuner.rendering.heatmap import heat, ramp
from dreamtuner.rendering.text import font, wrap, write

TILE, SIDE, LABEL, GAP = 208, 272, 124, 16
COLUMN, UNDER, FOOT = 30, 26, 22
_LAYER = re.compile(
    r"(controlnet_(?:pose|depth)\.)?(down|mid|up)_blocks?(?:\.(\d+))?\.attentions\.(\d+)\.transformer_blocks\.(\d+)"
)


@dataclass(frozen=True)
class Column:
    """One step of the sampling: its title, and its attention maps by layer name."""

    title: str
    maps: dict[str, QueryAttention]


@dataclass(frozen=True)
class Shown:
    """A reference as the model saw it (RGB) with its mask (L), and its number among the references."""

    image: Image.Image
    mask: Image.Image
    number: int = 0


def attention_picture(
    picture: Image.Image,
    point: tuple[float, float],
    shown: Shown,
    columns: Sequence[Column],
    *,
    w_ref: float,
    title: str,
    detail: str,
    notes: Sequence[str] = (),
) -> Image.Image:
    """Render the attention maps, RGB: one row per layer, one column per step.

    `point`: x, y in 0..1 of `picture`; `w_ref`: the setting that it was generated with; `notes`: lines at the foot.
    Raises ValueError if no layer was recorded.
    """
    layers = list(dict.fromkeys(name for column in columns for name in column.maps))
    if not layers:
        raise ValueError("maps: no layer was recorded; choose steps of the schedule and token counts of the model")
    right = MARGIN + PAD + SIDE + 2 * PAD
    width = right + LABEL + len(columns) * (TILE + GAP) - GAP + PAD + MARGIN
    letters = font(14)
    foot = [
        line
        for note in (*_captions(columns, w_ref), *notes)
        for line in wrap(note, letters, width - 2 * (MARGIN + PAD))
    ]
    heading = Heading(title, detail, (), width)
    rows = max(COLUMN + len(layers) * (TILE + UNDER + GAP) - GAP, 2 * (SIDE + UNDER + GAP) + COLUMN)
    card = (MARGIN, heading.height, width - MARGIN, heading.height + 2 * PAD + rows + 18 + FOOT * len(foot))
    sheet = Image.new("RGB", (width, card[3] + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    heading.draw(draw)
    draw.rounded_rectangle(card, radius=14, fill=CARD, outline=LINE)
    x, y = MARGIN + PAD, heading.height + PAD
    _side(sheet, draw, x, y + COLUMN, _marked(picture, point), "the image; the ring marks the point")
    _side(
        sheet, draw, x, y + COLUMN + SIDE + UNDER + GAP, _outlined(shown), "the reference; the line outlines its mask"
    )
    _legend(draw, x, y + COLUMN + 2 * (SIDE + UNDER + GAP))
    for c, column in enumerate(columns):
        left = right + LABEL + c * (TILE + GAP)
        write(draw, (left + TILE // 2, y), column.title, font(15, bold=True), INK, anchor="ma")
        for r, name in enumerate(layers):
            top = y + COLUMN + r * (TILE + UNDER + GAP)
            if (look := column.maps.get(name)) is not None:
                _tile(sheet, draw, left, top, shown, look)
    for r, name in enumerate(layers):
        grid = next(column.maps[name].grid for column in columns if name in column.maps)
        top = y + COLUMN + r * (TILE + UNDER + GAP)
        place, *layer = layer_title(name).split(", ")
        write(
            draw,
            (right, top),
            wrap(place, font(15, bold=True), LABEL - GAP, max_lines=1)[0],
            font(15, bold=True),
            INK,
        )
        words = "\n".join([*layer, f"{grid[0]} × {grid[1]} patches"])
        write(draw, (right, top + 23), words, font(13), GREY, spacing=4)
    top = card[3] - PAD - FOOT * len(foot)
    draw.line((x, top - 14, card[2] - PAD, top - 14), fill=LINE)
    for i, line in enumerate(foot):
        write(draw, (x, top + i * FOOT), line, letters, INK)
    return sheet


def layer_title(name: str) -> str:
    """Return a readable layer name: "up_blocks.2.attentions.0.transformer_blocks.0.attn1" -> "up 3, layer 1"."""
    found = _LAYER.match(name)
    if found is None:
        return name
    control, part, block, layer, inner = found.groups()
    where = "middle" if part == "mid" else f"{part} {int(block) + 1}, layer {int(layer) + 1}"
    return (f"{control[11:-1]} ControlNet: " if control else "") + where + (f".{int(inner) + 1}" if int(inner) else "")


def _tile(sheet: Image.Image, draw: ImageDraw.ImageDraw, x: int, y: int, shown: Shown, one: QueryAttention) -> None:
    weights = one.patches(shown.number).double().cpu().numpy()
    wide, tall = size_within(shown.image.size, TILE)
    draw.rectangle((x - 1, y - 1, x + TILE, y + TILE), outline=LINE)
    middle, label = x + TILE // 2, y + TILE + 5
    x, y = x + (TILE - wide) // 2, y + (TILE - tall) // 2
    sheet.paste(heat(shown.image, weights, (wide, tall)), (x, y))
    row, column = np.unravel_index(int(weights.argmax()), weights.shape)
    rows, columns = weights.shape
    box = (column * wide // columns, row * tall // rows, (column + 1) * wide // columns, (row + 1) * tall // rows)
    if weights.any():
        draw.rectangle((x + box[0] - 2, y + box[1] - 2, x + box[2] + 1, y + box[3] + 1), outline=INK, width=2)
    words = f"{100 * one.share:.0f} % on the reference"
    write(draw, (middle, label), words, font(13), GREY, anchor="ma")


def _side(sheet: Image.Image, draw: ImageDraw.ImageDraw, x: int, y: int, image: Image.Image, label: str) -> None:
    sheet.paste(image, (x + (SIDE - image.width) // 2, y + (SIDE - image.height) // 2))
    draw.rectangle((x - 1, y - 1, x + SIDE, y + SIDE), outline=LINE)
    write(draw, (x, y + SIDE + 5), label, font(13), GREY)


def _marked(picture: Image.Image, point: tuple[float, float]) -> Image.Image:
    """Return the image with a ring around the point that is visible on any background."""
    fitted = picture.convert("RGB").resize(size_within(picture.size, SIDE), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(fitted)
    x, y = (place * length for place, length in zip(point, fitted.size, strict=True))
    for radius, colour, line in ((13, "#ffffff", 6), (11, INK, 2)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=line)
    draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=INK, outline="#ffffff")
    return fitted


def _outlined(shown: Shown) -> Image.Image:
    """Return the reference with the outline of its mask."""
    fitted = shown.image.convert("RGB").resize(size_within(shown.image.size, SIDE), Image.Resampling.LANCZOS)
    inside = np.asarray(shown.mask.convert("L").resize(fitted.size, Image.Resampling.BILINEAR)) >= 128
    border = np.zeros_like(inside)
    for axis in (0, 1):
        border |= inside != np.roll(inside, 1, axis)
    border[0] = border[:, 0] = False
    pixels = np.asarray(fitted).copy()
    pixels[border] = 255
    return Image.fromarray(pixels)


def _legend(draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    for i in range(SIDE):
        draw.line((x + i, y, x + i, y + 10), fill=tuple(ramp(np.asarray(i / (SIDE - 1))).round().astype(int).tolist()))
    write(draw, (x, y + 15), "least attention", font(13), GREY)
    write(draw, (x + SIDE, y + 15), "most (framed)", font(13), GREY, anchor="ra")


def _captions(columns: Sequence[Column], w_ref: float) -> list[str]:
    """Describe the share of attention on the reference per step, compared with uniform attention."""
    lines = []
    for column in columns:
        if maps := list(column.maps.values()):
            share = 100 * sum(one.share for one in maps) / len(maps)
            lines.append(
                f"{column.title}: {share:.0f} % of the attention went to the reference, the rest to the image itself."
            )
    if maps := [one for column in columns for one in column.maps.values()]:
        even = 100 * sum(one.even_share(w_ref) for one in maps) / len(maps)
        lines.append(
            f"Equal similarity to all patches would give it {even:.0f} % (w_ref = {w_ref:g}). "
            "Means over these layers and their heads."
        )
    return lines
