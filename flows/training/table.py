"""Training images that a table lists: a CSV with a header, or JSONL with one object a line.

Columns: image, and optionally caption (or text), mask, and kinds of control images such as depth. Paths are relative to
the table; https:// and s3:// URLs are read when an image is prepared.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from dreamtuner.models.layouts import kind_name
from dreamtuner.train.data.raw import LIMITS, Raw
from flows.spec.problems import InputError, Problem
from storage.sources import SourceError, read_source
from storage.text import lines_of

KNOWN = ("image", "caption", "text", "mask")


def list_table(file: Path) -> list[Raw]:
    """Return the images of a table in its order. Raises InputError, which names line and column."""
    found: dict[str, Raw] = {}
    for number, row in _rows(file):
        where = str(row.get("image") or "").strip()
        if not where:
            raise _problem(file, number, "the column image is missing or empty; name the image's path or URL")
        key = where if where not in found else f"{where}#{number}"
        found[key] = _raw(key, row, file.parent)
    return list(found.values())


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = file.expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{str(file)!r} cannot be read: {error}; give a UTF-8 file") from error
    if file.suffix == ".csv":
        yield from enumerate(csv.DictReader(lines_of(text)), start=2)
        return
    for number, line in enumerate(lines_of(text), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise _problem(file, number, f"it is not JSON ({error})") from error
            if not isinstance(row, dict):
                raise _problem(file, number, 'it is not an object such as {"image": "bear.png"}')
            yield number, row


def _raw(key: str, row: dict[str, Any], base: Path) -> Raw:
    caption = row.get("caption", row.get("text"))
    mask = row.get("mask")
    kinds = {name: place for name, place in row.items() if name and name not in KNOWN and name.isidentifier() and place}
    return Raw(
        key,
        _reader(str(row["image"]).strip(), base),
        ", ".join(map(str, caption)) if isinstance(caption, list) else caption,
        _reader(str(mask), base) if mask else None,
        {kind_name(name): _reader(str(place), base) for name, place in kinds.items() if _names_file(str(place))},
    )


def _names_file(place: str) -> bool:
    return place.lower().endswith((".png", ".jpg", ".jpeg", ".webp"))


def _reader(place: str, base: Path) -> Callable[[], bytes]:
    return partial(_read, place, base)


def _read(place: str, base: Path) -> bytes:
    try:
        return read_source(place, max_bytes=LIMITS.max_bytes, base=base)
    except SourceError as error:
        raise OSError(str(error)) from error


def _problem(file: Path, line: int, message: str) -> InputError:
    return InputError(str(file), [Problem(path=(), message=message, line=line)])
