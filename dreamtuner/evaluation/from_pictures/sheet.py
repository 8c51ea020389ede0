"""Lays out edits and sets in rows, the first ones of each subject, not selected."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from dreamtuner.evaluation.from_pictures.consistency import Set
from dreamtuner.evaluation.from_pictures.edits import Edited
from dreamtuner.evaluation.held_out import reference_of
from dreamtuner.rendering.text import font, wrap, write

TILE, GAP, HEAD, LABEL = 96, 4, 22, 150
Row = tuple[str, Sequence[Image.Image]]


def edit_sheet(measured: Sequence[Edited]) -> Image.Image:
    """Return a sheet: of each subject the picture that is edited, then a row for each way to edit it.

    Raises:
        ValueError: there is no subject.
    """
    rows: list[Row] = []
    heads: list[str] = []
    for one in measured:
        original, picture = next(iter(one.originals.items()))
        for name, images in one.images.items():
            ours = [(edit, image) for edit, image in images if edit.original == original]
            named = [f"{getattr(edit.changed.context, edit.axis)}" for edit, _ in ours]
            heads = max(heads, [edit.axis for edit, _ in ours], key=len)
            rows.append(
                (f"{name}: {', '.join(named)}", [reference_of(one.subject).image, picture, *(i for _, i in ours)])
            )
    return _sheet(["reference", "picture", *heads], rows)


def set_sheet(measured: Sequence[Set]) -> Image.Image:
    """Return a sheet: of each subject a row of images for each way to make the set, after its reference.

    Raises:
        ValueError: there is no subject.
    """
    rows: list[Row] = []
    for one in measured:
        for name, images in one.images.items():
            hidden = ", ".join(one.subject.hidden)
            rows.append((f"{name}; hidden: {hidden}", [reference_of(one.subject.first).image, *images]))
    count = max((len(images) for _, images in rows), default=1)
    return _sheet(["reference", "first", *([""] * (count - 2))], rows)


def _sheet(heads: Sequence[str], rows: Sequence[Row]) -> Image.Image:
    if not rows:
        raise ValueError("measured: there is no subject; give one or more")
    columns = max(len(heads), *(len(images) for _, images in rows))
    sheet = Image.new("RGB", (LABEL + columns * (TILE + GAP) + GAP, HEAD + len(rows) * (TILE + GAP)), "white")
    draw, plain = ImageDraw.Draw(sheet), font(12)
    for k, head in enumerate(heads):
        write(draw, (LABEL + k * (TILE + GAP), 4), head, font(12, bold=True), "black")
    for i, (name, images) in enumerate(rows):
        y = HEAD + i * (TILE + GAP)
        write(draw, (GAP, y + 4), "\n".join(wrap(name, plain, LABEL - 2 * GAP)), plain, "#33302a")
        for k, image in enumerate(images):
            tile = image.convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)
            sheet.paste(tile, (LABEL + k * (TILE + GAP), y))
    return sheet
