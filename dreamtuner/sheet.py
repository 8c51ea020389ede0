"""The contact sheet: every subject's reference and mask beside its grid of prompts and seeds, on one picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from dreamtuner.lettering import font, wrap

PAPER, CARD, INK, GREY, LINE = "#f4f2ee", "#ffffff", "#26241f", "#7c776d", "#e3dfd7"
ALARM, ALARM_PAPER, AMBER, AMBER_PAPER = "#a3321f", "#fbeae6", "#8a5a00", "#fdf1d8"
PICTURE = 144
"""Side of a drawn cell, pixels; smaller pictures are enlarged to it, larger ones reduced."""
ASSET, PROMPT, LAYOUT, GAP, MARGIN, PAD = 176, 200, 76, 12, 32, 24
SCORE_LINE, COLUMN_LINE, HEAD = 24, 26, 52
LABELS: Mapping[str, str] = {"clip_i": "CLIP-I", "clip_i_masked": "masked CLIP-I", "clip_t": "CLIP-T"}


@dataclass(frozen=True)
class SheetCell:
    """One place of the grid: a picture with its scores, or why there is none."""

    image: Image.Image | None
    scores: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class SheetRow:
    """One prompt and its cells, in the order of the columns; `layouts` are what all of them follow, by name."""

    prompt: str
    cells: Sequence[SheetCell]
    layouts: Sequence[tuple[str, Image.Image]] = ()


@dataclass(frozen=True)
class SheetBlock:
    """One subject. `error` stands in place of everything else when the subject could not be taken in."""

    name: str
    detail: str
    reference: Image.Image | None = None
    mask: Image.Image | None = None
    confidence: float | None = None
    doubtful: bool = False
    columns: Sequence[str] = ()
    rows: Sequence[SheetRow] = ()
    error: str | None = None
    footnote: str | None = None


def contact_sheet(title: str, detail: str, blocks: Sequence[SheetBlock]) -> Image.Image:
    """Draw the sheet, RGB. Its width is that of the widest block, its height the sum of all; keep the grid bounded."""
    sizes = [_block_size(block) for block in blocks]
    width = max([size[0] for size in sizes], default=640) + 2 * MARGIN
    width = max(width, 720)
    height = MARGIN + 76 + sum(size[1] + MARGIN for size in sizes)
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 4), title, font=font(30, bold=True), fill=INK)
    draw.text((MARGIN, MARGIN + 38), detail, font=font(15), fill=GREY)
    y = MARGIN + 76
    for block, size in zip(blocks, sizes, strict=True):
        box = (MARGIN, y, width - MARGIN, y + size[1])
        draw.rounded_rectangle(box, radius=14, fill=CARD, outline=LINE)
        _draw_block(sheet, draw, block, MARGIN + PAD, y + PAD, box[2] - PAD)
        y += size[1] + MARGIN
    return sheet


def _row_height() -> int:
    return PICTURE + SCORE_LINE + GAP


def _block_size(block: SheetBlock) -> tuple[int, int]:
    if block.error is not None:
        lines = len(wrap(block.error, font(14), 760 - 4 * PAD))
        return 760, 2 * PAD + HEAD + lines * 20 + 24
    table = COLUMN_LINE + len(block.rows) * _row_height()
    left = COLUMN_LINE + 2 * (ASSET + SCORE_LINE + GAP) + (30 if block.doubtful else 0)
    footnote = 22 if block.footnote else 0
    width = 2 * PAD + ASSET + PAD + PROMPT + GAP + len(block.columns) * (PICTURE + GAP) - GAP
    return max(width, 640), 2 * PAD + HEAD + max(left, table) - GAP + footnote


def _draw_block(sheet: Image.Image, draw: ImageDraw.ImageDraw, block: SheetBlock, x: int, y: int, right: int) -> None:
    draw.text((x, y - 6), block.name, font=font(22, bold=True), fill=INK)
    name_width = draw.textlength(block.name, font=font(22, bold=True))
    draw.text((x + name_width + 12, y + 2), block.detail, font=font(15), fill=GREY)
    y += HEAD
    if block.error is not None:
        lines = wrap(block.error, font(14), 760 - 4 * PAD)
        draw.rounded_rectangle((x, y - 10, right, y + 20 * len(lines) + 8), radius=8, fill=ALARM_PAPER)
        draw.text((x + 14, y - 2), "\n".join(lines), font=font(14), fill=ALARM, spacing=4)
        return
    _draw_assets(sheet, draw, block, x, y + COLUMN_LINE)
    left = x + ASSET + PAD
    for i, column in enumerate(block.columns):
        centre = left + PROMPT + GAP + i * (PICTURE + GAP) + PICTURE // 2
        draw.text((centre, y), column, font=font(13), fill=GREY, anchor="ma")
    for i, row in enumerate(block.rows):
        _draw_row(sheet, draw, row, left, y + COLUMN_LINE + i * _row_height())
    if block.footnote:
        bottom = y + _block_size(block)[1] - 2 * PAD - HEAD
        draw.text((left, bottom), block.footnote, font=font(13), fill=GREY, anchor="ls")


def _draw_assets(sheet: Image.Image, draw: ImageDraw.ImageDraw, block: SheetBlock, x: int, y: int) -> None:
    for image, label in ((block.reference, "reference"), (block.mask, "mask")):
        _paste(sheet, draw, image, x, y, ASSET)
        if label == "mask" and block.confidence is not None:
            label = f"mask, confidence {block.confidence:.2f}"
        draw.text((x, y + ASSET + 5), label, font=font(13), fill=GREY)
        y += ASSET + SCORE_LINE + GAP
    if block.doubtful:
        box = (x, y - GAP + 2, x + ASSET, y - GAP + 28)
        draw.rounded_rectangle(box, radius=6, fill=AMBER_PAPER)
        draw.text(
            (x + ASSET // 2, box[1] + 13), "doubtful: check it", font=font(13, bold=True), fill=AMBER, anchor="mm"
        )


def _draw_row(sheet: Image.Image, draw: ImageDraw.ImageDraw, row: SheetRow, x: int, y: int) -> None:
    draw.line((x, y - GAP // 2 + 1, x + PROMPT + len(row.cells) * (PICTURE + GAP), y - GAP // 2 + 1), fill=LINE)
    lines = wrap(row.prompt, font(15), PROMPT - GAP, max_lines=3 if row.layouts else 7)
    draw.text((x, y + 2), "\n".join(lines), font=font(15), fill=INK, spacing=5)
    for i, (name, image) in enumerate(row.layouts):
        left, top = x + i * (LAYOUT + GAP), y + PICTURE - LAYOUT
        _paste(sheet, draw, image, left, top, LAYOUT)
        label = wrap(name, font(11), LAYOUT, max_lines=1)[0]
        draw.text((left + LAYOUT // 2, y + PICTURE + 5), label, font=font(11), fill=GREY, anchor="ma")
    for i, cell in enumerate(row.cells):
        left = x + PROMPT + GAP + i * (PICTURE + GAP)
        if cell.image is None:
            _draw_missing(draw, cell.reason, left, y)
            continue
        _paste(sheet, draw, cell.image, left, y, PICTURE)
        words = "  ".join(f"{LABELS.get(name, name)} {value:.2f}" for name, value in sorted(cell.scores.items())[:2])
        draw.text((left + PICTURE // 2, y + PICTURE + 5), words, font=font(11), fill=GREY, anchor="ma")


def _draw_missing(draw: ImageDraw.ImageDraw, reason: str | None, x: int, y: int) -> None:
    box = (x, y, x + PICTURE - 1, y + PICTURE - 1)
    draw.rectangle(box, fill=ALARM_PAPER if reason else PAPER, outline=ALARM if reason else LINE)
    draw.text(
        (x + 10, y + 9), "failed" if reason else "not made", font=font(13, bold=True), fill=ALARM if reason else GREY
    )
    if reason:
        lines = wrap(reason, font(11), PICTURE - 18, max_lines=7)
        draw.text((x + 10, y + 31), "\n".join(lines), font=font(11), fill=ALARM, spacing=3)


def _paste(sheet: Image.Image, draw: ImageDraw.ImageDraw, image: Image.Image | None, x: int, y: int, side: int) -> None:
    """Fit the picture into a square of `side`, centred, with a hairline around the square."""
    if image is not None:
        scale = side / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        fitted = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        sheet.paste(fitted, (x + (side - size[0]) // 2, y + (side - size[1]) // 2))
    draw.rectangle((x - 1, y - 1, x + side, y + side), outline=LINE)
