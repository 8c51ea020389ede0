"""The contact sheet: every subject's reference and mask next to its grid of prompts and seeds, in one image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from dreamtuner.rendering.text import font, room, wrap, write

PAPER, CARD, INK, GREY, LINE = "#f4f2ee", "#ffffff", "#26241f", "#7c776d", "#e3dfd7"
ALARM, ALARM_PAPER, AMBER, AMBER_PAPER = "#a3321f", "#fbeae6", "#8a5a00", "#fdf1d8"
PICTURE = 144
"""Side of a cell, pixels; smaller images are enlarged to it, larger ones reduced."""
ASSET, PROMPT, LAYOUT, GAP, MARGIN, PAD = 176, 200, 76, 12, 32, 24
SCORE_LINE, COLUMN_LINE, HEAD, SCORE = 24, 26, 52, 11
HALF = (ASSET - GAP) // 2
"""Side of a further reference, beside whose mask it stands."""
MOST_NOTES, MOST_SCORES = 8, 3
"""Warnings of a block, and lines of scores under a cell, that are shown at most."""
LABELS: Mapping[str, str] = {"clip_i": "CLIP-I", "clip_i_masked": "masked CLIP-I", "clip_t": "CLIP-T"}


@dataclass(frozen=True)
class SheetCell:
    """One position of the grid: an image with its scores, or the reason why it is missing."""

    image: Image.Image | None
    scores: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class SheetRow:
    """One prompt and its cells, in the order of the columns; `layouts`: their control images, by name.

    `warnings`: which parts of the prompt the model does not read.
    """

    prompt: str
    cells: Sequence[SheetCell]
    layouts: Sequence[tuple[str, Image.Image]] = ()
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class SheetReference:
    """A further reference of a subject with its mask, how much it counts, and whether the mask is doubtful."""

    image: Image.Image
    mask: Image.Image
    weight: float = 1.0
    doubtful: bool = False


@dataclass(frozen=True)
class SheetBlock:
    """One subject. `error` replaces everything else if the subject could not be ingested.

    `warnings`: possible problems with its references, masks and captions; `weight`: how much the reference counts;
    `further`: its other references.
    """

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
    warnings: Sequence[str] = ()
    weight: float = 1.0
    further: Sequence[SheetReference] = ()


def contact_sheet(title: str, detail: str, blocks: Sequence[SheetBlock], warnings: Sequence[str] = ()) -> Image.Image:
    """Draw the sheet, RGB. Its width is that of the widest block, its height the sum of all; keep the grid bounded.

    `warnings`: those of the whole run.
    """
    width = max([_width(block) for block in blocks], default=640) + 2 * MARGIN
    width = max(width, 720)
    inner = width - 2 * (MARGIN + PAD)
    heading = Heading(title, detail, warnings, width)
    heights = [_block_height(block, inner) for block in blocks]
    sheet = Image.new("RGB", (width, heading.height + sum(height + MARGIN for height in heights)), PAPER)
    draw = ImageDraw.Draw(sheet)
    heading.draw(draw)
    y = heading.height
    for block, height in zip(blocks, heights, strict=True):
        box = (MARGIN, y, width - MARGIN, y + height)
        draw.rounded_rectangle(box, radius=14, fill=CARD, outline=LINE)
        _draw_block(sheet, draw, block, MARGIN + PAD, y + PAD, inner)
        y += height + MARGIN
    return sheet


class Heading:
    """The title of a sheet, the line about its run, and warnings, broken so that they stay inside of `width`."""

    def __init__(self, title: str, detail: str, warnings: Sequence[str], width: int) -> None:
        self._title = wrap(title, font(30, bold=True), width - 2 * MARGIN)
        self._detail = wrap(detail, font(15), width - 2 * MARGIN)
        self._notes = notes(warnings, width - 2 * MARGIN)
        self._below_title = MARGIN - 4 + room(self._title, font(30, bold=True), 6) + 8
        self._below_detail = self._below_title + room(self._detail, font(15))
        self.height = self._below_detail + (notes_height(self._notes) + 6 if self._notes else 0) + 17

    def draw(self, draw: ImageDraw.ImageDraw) -> None:
        """Set it at the top of the sheet."""
        write(draw, (MARGIN, MARGIN - 4), "\n".join(self._title), font(30, bold=True), INK, spacing=6)
        write(draw, (MARGIN, self._below_title), "\n".join(self._detail), font(15), GREY)
        draw_notes(draw, self._notes, MARGIN, self._below_detail + 6)


def notes(warnings: Sequence[str], width: int) -> list[str]:
    """The lines of warnings in a box of `width`; a last line counts those that are not shown."""
    lines = [line for one in warnings[:MOST_NOTES] for line in wrap(one, font(13), width - 28, max_lines=4)]
    more = len(warnings) - MOST_NOTES
    return [*lines, f"and {more} more {'warning' if more == 1 else 'warnings'}"] if more > 0 else lines


def notes_height(lines: Sequence[str]) -> int:
    """The height of the box of `notes`, pixels."""
    return room(lines, font(13), 6) + 16 if lines else 0


def draw_notes(draw: ImageDraw.ImageDraw, lines: Sequence[str], x: int, y: int) -> None:
    """An amber box as wide as its lines."""
    if not lines:
        return
    wide = max(font(13).getlength(line) for line in lines)
    draw.rounded_rectangle((x, y, x + wide + 28, y + notes_height(lines)), radius=8, fill=AMBER_PAPER)
    write(draw, (x + 14, y + 9), "\n".join(lines), font(13), AMBER, spacing=6)


def _width(block: SheetBlock) -> int:
    if block.error is not None:
        return 760
    return max(2 * PAD + ASSET + PAD + PROMPT + GAP + len(block.columns) * (PICTURE + GAP) - GAP, 640)


def _score_lines(cell: SheetCell) -> list[str]:
    """Score beside score where they fit under the picture, else under one another."""
    lines: list[str] = []
    for name, value in sorted(cell.scores.items()):
        words = f"{LABELS.get(name, name)} {value:.2f}"
        joined = f"{lines[-1]}  {words}" if lines else words
        if lines and font(SCORE).getlength(joined) <= PICTURE:
            lines[-1] = joined
        else:
            lines += wrap(words, font(SCORE), PICTURE, max_lines=1)
    return lines[:MOST_SCORES]


def _row_height(row: SheetRow) -> int:
    scores = max([len(_score_lines(cell)) for cell in row.cells], default=0)
    return PICTURE + max(SCORE_LINE, 9 + room([""] * scores, font(SCORE))) + GAP


def _head(block: SheetBlock, inner: int) -> tuple[list[str], list[str], bool]:
    """The lines of the block's name and detail, and whether the detail stands beside the name."""
    name = wrap(block.name, font(22, bold=True), inner)
    detail = wrap(block.detail, font(15), inner)
    wide = font(22, bold=True).getlength(name[-1]) + 12 + font(15).getlength(block.detail)
    return name, detail, wide <= inner


def _head_height(block: SheetBlock, inner: int) -> int:
    name, detail, beside = _head(block, inner)
    tall = HEAD + room(name[1:], font(22, bold=True), 6) + (0 if beside else room(detail, font(15)))
    lines = notes(block.warnings, inner)
    return tall + (notes_height(lines) + GAP if lines else 0)


def _block_height(block: SheetBlock, inner: int) -> int:
    head = 2 * PAD + _head_height(block, inner)
    if block.error is not None:
        return head + room(wrap(block.error, font(14), inner - 28), font(14), 6) + 24
    table = COLUMN_LINE + sum(_row_height(row) for row in block.rows)
    left = COLUMN_LINE + 2 * (ASSET + SCORE_LINE + GAP) + (30 if block.doubtful else 0)
    left += len(block.further) * (HALF + SCORE_LINE + GAP)
    return head + max(left, table) - GAP + (22 if block.footnote else 0)


def _draw_block(sheet: Image.Image, draw: ImageDraw.ImageDraw, block: SheetBlock, x: int, y: int, inner: int) -> None:
    bottom = y + _block_height(block, inner) - 2 * PAD
    name, detail, beside = _head(block, inner)
    write(draw, (x, y - 6), "\n".join(name), font(22, bold=True), INK, spacing=6)
    below = y + room(name[1:], font(22, bold=True), 6)
    if beside:
        write(draw, (x + font(22, bold=True).getlength(name[-1]) + 12, below + 2), block.detail, font(15), GREY)
    else:
        write(draw, (x, below + 28), "\n".join(detail), font(15), GREY)
        below += room(detail, font(15))
    lines = notes(block.warnings, inner)
    draw_notes(draw, lines, x, below + HEAD - 14)
    y += _head_height(block, inner)
    if block.error is not None:
        lines = wrap(block.error, font(14), inner - 28)
        box = (x, y - 10, x + inner, y + room(lines, font(14), 6) + 4)
        draw.rounded_rectangle(box, radius=8, fill=ALARM_PAPER)
        write(draw, (x + 14, y - 2), "\n".join(lines), font(14), ALARM, spacing=6)
        return
    _draw_assets(sheet, draw, block, x, y + COLUMN_LINE)
    left = x + ASSET + PAD
    for i, column in enumerate(block.columns):
        centre = left + PROMPT + GAP + i * (PICTURE + GAP) + PICTURE // 2
        write(draw, (centre, y), wrap(column, font(13), PICTURE, max_lines=1)[0], font(13), GREY, anchor="ma")
    top = y + COLUMN_LINE
    for row in block.rows:
        _draw_row(sheet, draw, row, left, top)
        top += _row_height(row)
    if block.footnote:
        write(draw, (left, bottom), block.footnote, font(13), GREY, anchor="ls")


def _draw_assets(sheet: Image.Image, draw: ImageDraw.ImageDraw, block: SheetBlock, x: int, y: int) -> None:
    for image, label in ((block.reference, "reference"), (block.mask, "mask")):
        _paste(sheet, draw, image, x, y, ASSET)
        if label == "reference":
            label += _weighed(block.weight)
        if label == "mask" and block.confidence is not None:
            label = f"mask, confidence {block.confidence:.2f}"
        write(draw, (x, y + ASSET + 5), label, font(13), GREY)
        y += ASSET + SCORE_LINE + GAP
    if block.doubtful:
        box = (x, y - GAP + 2, x + ASSET, y - GAP + 28)
        draw.rounded_rectangle(box, radius=6, fill=AMBER_PAPER)
        write(draw, (x + ASSET // 2, box[1] + 13), "doubtful: check it", font(13, bold=True), AMBER, anchor="mm")
        y += 30
    for i, one in enumerate(block.further, 2):
        _paste(sheet, draw, one.image, x, y, HALF)
        _paste(sheet, draw, one.mask, x + HALF + GAP, y, HALF)
        label = f"reference {i}{', doubtful mask' if one.doubtful else _weighed(one.weight)}"
        label = wrap(label, font(13), ASSET, max_lines=1)[0]
        write(draw, (x, y + HALF + 5), label, font(13), AMBER if one.doubtful else GREY)
        y += HALF + SCORE_LINE + GAP


def _weighed(weight: float) -> str:
    return "" if weight == 1 else f", weight {weight:g}"


def _draw_row(sheet: Image.Image, draw: ImageDraw.ImageDraw, row: SheetRow, x: int, y: int) -> None:
    draw.line((x, y - GAP // 2 + 1, x + PROMPT + len(row.cells) * (PICTURE + GAP), y - GAP // 2 + 1), fill=LINE)
    free = PICTURE - LAYOUT - 14 if row.layouts else PICTURE
    warned = wrap("; ".join(row.warnings), font(SCORE), PROMPT - GAP, max_lines=2 if row.layouts else 5)
    warned = warned if row.warnings else []
    most = (free - room(warned, font(SCORE), 2)) // (font(15).ascent + 5)
    lines = wrap(row.prompt, font(15), PROMPT - GAP, max_lines=max(1, most))
    write(draw, (x, y + 2), "\n".join(lines), font(15), INK, spacing=5)
    write(draw, (x, y + 5 + room(lines, font(15), 5)), "\n".join(warned), font(SCORE), AMBER, spacing=2)
    for i, (name, image) in enumerate(row.layouts):
        left, top = x + i * (LAYOUT + GAP), y + PICTURE - LAYOUT
        _paste(sheet, draw, image, left, top, LAYOUT)
        label = wrap(name, font(SCORE), LAYOUT, max_lines=1)[0]
        write(draw, (left + LAYOUT // 2, y + PICTURE + 5), label, font(SCORE), GREY, anchor="ma")
    for i, cell in enumerate(row.cells):
        left = x + PROMPT + GAP + i * (PICTURE + GAP)
        if cell.image is None:
            _draw_missing(draw, cell.reason, left, y)
            continue
        _paste(sheet, draw, cell.image, left, y, PICTURE)
        words = "\n".join(_score_lines(cell))
        write(draw, (left + PICTURE // 2, y + PICTURE + 5), words, font(SCORE), GREY, anchor="ma")


def _draw_missing(draw: ImageDraw.ImageDraw, reason: str | None, x: int, y: int) -> None:
    box = (x, y, x + PICTURE - 1, y + PICTURE - 1)
    colour = ALARM if reason else GREY
    draw.rectangle(box, fill=ALARM_PAPER if reason else PAPER, outline=ALARM if reason else LINE)
    write(draw, (x + 10, y + 9), "failed" if reason else "not generated", font(13, bold=True), colour)
    if reason:
        lines = wrap(reason, font(SCORE), PICTURE - 18, max_lines=7)
        write(draw, (x + 10, y + 31), "\n".join(lines), font(SCORE), ALARM, spacing=3)


def size_within(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the largest width and height of this aspect ratio in a square of `side`, pixels."""
    scale = side / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _paste(sheet: Image.Image, draw: ImageDraw.ImageDraw, image: Image.Image | None, x: int, y: int, side: int) -> None:
    """Fit the picture into a square of `side`, centred, with a hairline around the square; paper shows through it."""
    if image is not None:
        size = size_within(image.size, side)
        fitted = image.convert("RGBA" if image.has_transparency_data else "RGB").resize(size, Image.Resampling.LANCZOS)
        where = (x + (side - size[0]) // 2, y + (side - size[1]) // 2)
        sheet.paste(fitted, where, fitted if fitted.mode == "RGBA" else None)
    draw.rectangle((x - 1, y - 1, x + side, y + side), outline=LINE)
