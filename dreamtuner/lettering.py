"""Fonts and line breaks for pictures with words in them."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font(size: int, *, bold: bool = False) -> Font:
    """DejaVu Sans in `size` pixels, from the files that matplotlib ships; Pillow's own font without matplotlib."""
    # find_spec, not import: matplotlib takes a quarter of a second to load and only its font file is wanted
    found = find_spec("matplotlib")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        file = Path(folder) / "mpl-data" / "fonts" / "ttf" / f"DejaVuSans{'-Bold' if bold else ''}.ttf"
        if file.is_file():
            return ImageFont.truetype(str(file), size)
    return ImageFont.load_default(size)


def wrap(text: str, letters: Font, width: int, *, max_lines: int | None = None) -> list[str]:
    """Break `text` into lines of at most `width` pixels, at spaces where possible; the last of `max_lines` ends in …"""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            for piece in _pieces(word, letters, width):
                joined = f"{line} {piece}" if line and piece is not None else piece
                if line and letters.getlength(joined) > width:
                    lines.append(line)
                    line = piece
                else:
                    line = joined
        lines.append(line)
    if max_lines is not None and len(lines) > max_lines:
        lines = lines[:max_lines]
        last = lines[-1]
        while last and letters.getlength(f"{last}…") > width:
            last = last[:-1]
        lines[-1] = f"{last.rstrip()}…"
    return lines


def _pieces(word: str, letters: Font, width: int) -> list[str]:
    """The word, cut where it alone is wider than a line."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and letters.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
