"""The preview sheet of a fine-tuning: the reference, and the previews by step with their CLIP-I scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

from dreamtuner.rendering.contact_sheet import GREY, INK, MARGIN, PAPER
from dreamtuner.rendering.text import font, room, wrap, write
from dreamtuner.sampling.reference_crop import square
from dreamtuner.sampling.request import Reference

SIDE, LABEL, GAP = 128, 120, 8
"""Side of a picture and width of the labels, pixels; space between rows."""


def preview_sheet(
    title: str, reference: Reference, rows: Mapping[int, Image.Image], identities: Sequence[float]
) -> Image.Image:
    """Render the sheet, RGB. `rows`: step -> its square previews side by side.

    `identities`: one score per row or fewer.
    """
    count = max((row.width // row.height for row in rows.values()), default=1)
    width = max(2 * MARGIN + LABEL + count * SIDE, 480)
    lines = wrap(title, font(22, bold=True), width - 2 * MARGIN)
    more = room(lines[1:], font(22, bold=True))
    tall = MARGIN + 44 + more + (len(rows) + 1) * (SIDE + GAP) + MARGIN
    sheet = Image.new("RGB", (width, tall), PAPER)
    draw = ImageDraw.Draw(sheet)
    write(draw, (MARGIN, MARGIN - 4), "\n".join(lines), font(22, bold=True), INK)
    y = MARGIN + 44 + more
    write(draw, (MARGIN, y + SIDE // 2 - 10), "reference", font(15), INK)
    shown, _ = square(reference.image, reference.mask, SIDE)
    sheet.paste(shown, (MARGIN + LABEL, y))
    for i, (step, row) in enumerate(sorted(rows.items())):
        y += SIDE + GAP
        write(draw, (MARGIN, y + SIDE // 2 - 20), f"step {step}", font(15), INK)
        if i < len(identities):
            write(draw, (MARGIN, y + SIDE // 2 + 2), f"CLIP-I {identities[i]:.3f}", font(12), GREY)
        wide = (row.width * SIDE // row.height, SIDE)
        sheet.paste(row.convert("RGB").resize(wide, Image.Resampling.LANCZOS), (MARGIN + LABEL, y))
    return sheet
