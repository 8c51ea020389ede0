"""Words on pictures: set in the first font that has a character, and broken into lines that stay in their box."""

import re
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

from PIL import ImageDraw, ImageFont, features

from dreamtuner.rendering import fonts

Face = ImageFont.FreeTypeFont | ImageFont.ImageFont

# what is one sign to a reader: a letter with its marks, a family of joined emoji, a flag; never broken
_MARKS = (
    r"[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u200c\u200d\u20d0-\u20ff\u3099\u309a"
)
_MARKS += r"\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef]"
_SIGN = re.compile(rf"[\U0001f1e6-\U0001f1ff]{{2}}|(?:.{_MARKS}*\u200d)*.{_MARKS}*", re.DOTALL)
_UNSEEN = re.compile(r"[\u061c\u200b-\u200f\ufe00-\ufe0f\ufeff\U000e0020-\U000e007f\U000e0100-\U000e01ef]")
_AS_PICTURE = re.compile(r"[\ufe0f\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]|[\U0001f000-\U0001ffff]\u200d")


class Letters:
    """One size of type, pixels: DejaVu Sans, and other fonts for the characters that it does not have."""

    def __init__(self, size: int, *, bold: bool = False) -> None:
        self.size = size
        files = [fonts.latin(bold=bold), fonts.CJK, fonts.EMOJI]
        self._faces: list[tuple[Face, Path | None]] = [(_face(file, size), file) for file in files[:1]]
        self._others = [file for file in files[1:] if file is not None]

    @property
    def ascent(self) -> int:
        """From the top of a line to its baseline, pixels."""
        face = self._faces[0][0]
        return face.getmetrics()[0] if isinstance(face, ImageFont.FreeTypeFont) else self.size

    @property
    def descent(self) -> int:
        """From the baseline of a line to its lower end, pixels."""
        face = self._faces[0][0]
        return face.getmetrics()[1] if isinstance(face, ImageFont.FreeTypeFont) else 0

    def getlength(self, text: str) -> float:
        """Width of one line, pixels."""
        return sum(_length(face, piece) for face, piece in self.runs(text))

    def runs(self, text: str) -> list[tuple[Face, str]]:
        """The text in pieces, each with the font that has its characters; what no font has becomes U+XXXX."""
        if text.isascii():
            return [(self._faces[0][0], text)] if text else []
        placed = [self._placed(sign) for sign in signs(text)]
        return [
            (self._faces[number][0], "".join(piece for _, piece in group))
            for number, group in groupby(placed, key=lambda one: one[0])
        ]

    def _placed(self, sign: str) -> tuple[int, str]:
        """The number of the font for a sign, and what of the sign to set in it."""
        if sign.isascii():
            return 0, sign
        needed = {ord(one) for one in _UNSEEN.sub("", sign)}
        for _ in range(len(self._others) if _AS_PICTURE.search(sign) or not needed <= self._has(0) else 0):
            self._open()
        order = range(len(self._faces))
        for number in reversed(order) if _AS_PICTURE.search(sign) else order:
            if needed <= self._has(number):
                return number, sign
        held = "".join(one if ord(one) in self._has(0) else f"U+{ord(one):04X}" for one in _UNSEEN.sub("", sign))
        return 0, held

    def _open(self) -> None:
        file = self._others.pop(0)
        self._faces.append((_face(file, self.size), file))

    def _has(self, number: int) -> frozenset[int]:
        file = self._faces[number][1]
        return frozenset(range(0x20, 0x7F)) if file is None else fonts.characters(file)


@cache
def font(size: int, *, bold: bool = False) -> Letters:
    """The letters of a size, opened once."""
    return Letters(size, bold=bold)


def write(
    draw: ImageDraw.ImageDraw,
    xy: tuple[float, float],
    text: str,
    letters: Letters,
    fill: str,
    *,
    anchor: str = "la",
    spacing: int = 4,
) -> None:
    """Set the text, line under line, at `xy`. `anchor`: as Pillow's, of l m r and a m s."""
    x, y = xy
    baseline = y + {"a": letters.ascent, "m": (letters.ascent - letters.descent) / 2, "s": 0}[anchor[1]]
    for line in text.split("\n"):
        at = x - letters.getlength(line) * {"l": 0, "m": 0.5, "r": 1}[anchor[0]]
        for face, piece in letters.runs(line):
            draw.text((at, baseline), piece, font=face, fill=fill, anchor="ls", direction=_direction())
            at += _length(face, piece)
        baseline += letters.ascent + spacing


def room(lines: Sequence[str], letters: Letters, spacing: int = 4) -> int:
    """How much room `write` takes for so many lines, pixels."""
    return len(lines) * (letters.ascent + spacing)


def signs(text: str) -> list[str]:
    """The text in what a reader takes for one sign each."""
    return _SIGN.findall(text) if not text.isascii() else list(text)


def wrap(text: str, letters: Letters, width: float, *, max_lines: int | None = None) -> list[str]:
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
        last = signs(lines[-1])
        while last and letters.getlength(f"{''.join(last)}…") > width:
            last.pop()
        lines[-1] = f"{''.join(last).rstrip()}…"
    return lines


def _pieces(word: str, letters: Letters, width: float) -> list[str]:
    """The word, cut where it alone is wider than a line."""
    if letters.getlength(word) <= width:
        return [word]
    pieces = [""]
    for sign in signs(word):
        if pieces[-1] and letters.getlength(pieces[-1] + sign) > width:
            pieces.append("")
        pieces[-1] += sign
    return pieces


@cache
def _face(file: Path | None, size: int) -> Face:
    return ImageFont.load_default(size) if file is None else ImageFont.truetype(str(file), size)


def _length(face: Face, piece: str) -> float:
    return (
        face.getlength(piece, direction=_direction())
        if isinstance(face, ImageFont.FreeTypeFont)
        else face.getlength(piece)
    )


@cache
def _direction() -> str | None:
    """Lines run from left to right, with what is Arabic or Hebrew turned inside of them; None where Pillow cannot."""
    return "ltr" if features.check("raqm") else None
