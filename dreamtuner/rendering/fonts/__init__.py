"""The fonts that pictures with words in them are set in, and which characters each holds."""

import struct
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_FOLDER = Path(__file__).parent
CJK, EMOJI = _FOLDER / "DroidSansFallback.ttf", _FOLDER / "NotoEmoji-Regular.ttf"


def latin(*, bold: bool = False) -> Path | None:
    """DejaVu Sans (also Greek, Cyrillic, Arabic), from the files that matplotlib ships; None without matplotlib."""
    # find_spec, not import: matplotlib takes a quarter of a second to load and only its font file is wanted
    found = find_spec("matplotlib")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        file = Path(folder) / "mpl-data" / "fonts" / "ttf" / f"DejaVuSans{'-Bold' if bold else ''}.ttf"
        if file.is_file():
            return file
    return None


@cache
def characters(file: Path) -> frozenset[int]:
    """The code points that a TrueType font has glyphs for, read from its `cmap` table (formats 4 and 12)."""
    data = file.read_bytes()
    tables = struct.unpack_from(">H", data, 4)[0]
    start = next(
        offset
        for tag, _, offset, _ in (struct.unpack_from(">4sIII", data, 12 + 16 * i) for i in range(tables))
        if tag == b"cmap"
    )
    found: set[int] = set()
    for i in range(struct.unpack_from(">H", data, start + 2)[0]):
        at = start + struct.unpack_from(">HHI", data, start + 4 + 8 * i)[2]
        kind = struct.unpack_from(">H", data, at)[0]
        if kind == 12:
            groups = struct.unpack_from(">I", data, at + 12)[0]
            for first, last, glyph in struct.iter_unpack(">III", data[at + 16 : at + 16 + 12 * groups]):
                found.update(range(first + (glyph == 0), last + 1))
        elif kind == 4:
            found.update(_segments(data, at))
    return frozenset(found)


def _segments(data: bytes, at: int) -> set[int]:
    """The code points of a subtable of format 4."""
    count = struct.unpack_from(">H", data, at + 6)[0] // 2
    arrays = [struct.unpack_from(f">{count}H", data, at + 14 + 2 * count * i + (2 if i else 0)) for i in range(4)]
    found: set[int] = set()
    for i, (last, first, delta, offset) in enumerate(zip(*arrays, strict=True)):
        for code in range(first, last + 1):
            glyph = code + delta
            if offset:
                place = at + 16 + 6 * count + 2 * i + offset + 2 * (code - first)
                glyph = struct.unpack_from(">H", data, place)[0]
            if glyph % 0x10000 and code != 0xFFFF:
                found.add(code)
    return found
