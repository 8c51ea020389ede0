"""Reads the rows of a table of subjects: CSV with commas, semicolons or tabs, or JSON lines."""

import csv
import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from storage.text import lines_of

COLUMNS = ("name", "class_word", "style", "reference", "mask", "caption", "project")
"""The columns of a feed; `name` has to be there, in any order. Case does not matter, nor do spaces for underscores."""
_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row, and the remedy. `row`: as spreadsheets count, the header is 1; `field`: its column."""

    row: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"row {self.row}, {self.field}: {self.message}" if self.field else f"row {self.row}: {self.message}"


class FormatError(Exception):
    """The file is no table; `faults` say why."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(*faults)
        self.faults = faults


Record = tuple[int, dict[str, object]]
"""The number of a row, and its values by column, without empty ones."""


def records(text: str) -> list[Record]:
    """Return the rows of a text. Raises FormatError."""
    return list(_json_lines(text) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text))


def _csv_rows(text: str) -> Iterator[Record]:
    lines = lines_of(text)
    skipped = 0
    while lines and (not lines[0].strip() or re.fullmatch(r"sep=.", lines[0].strip())):  # Excel writes sep=;
        lines, skipped = lines[1:], skipped + 1
    rows = csv.reader(lines, delimiter=max(_SEPARATORS, key=lines[0].count), strict=True)
    number, columns = skipped, list[str]()
    try:
        for row in rows:
            number += 1
            if not any(one.strip() for one in row):
                continue
            if not columns:
                columns = _columns(row, number)
                continue
            if len(row) > len(columns) and any(one.strip() for one in row[len(columns) :]):
                what = (
                    f"has {len(row)} values but there are {len(columns)} columns; put texts with a separator in quotes"
                )
                raise FormatError(Fault(number, "", what))
            yield number, {name: one.strip() for name, one in zip(columns, row, strict=False) if one.strip()}
    except csv.Error as error:
        raise FormatError(Fault(number + 1, "", f"is not CSV ({error}); correct its quotes")) from error


def _columns(header: Sequence[str], row: int) -> list[str]:
    """Return the names of the columns. Raises FormatError for unknown, repeated and missing ones."""
    names = [column_name(one) for one in header]
    while names and not names[-1]:
        names.pop()
    faults = []
    for i, name in enumerate(names):
        if name not in COLUMNS:
            close = difflib.get_close_matches(name, COLUMNS, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"remove it; the columns are {', '.join(COLUMNS)}"
            faults.append(Fault(row, header[i].strip()[:40], f"unknown column; {remedy}"))
        elif name in names[:i]:
            faults.append(Fault(row, name, "this column is there twice; remove one"))
    if "name" not in names:
        faults.append(
            Fault(row, "name", f"the column is missing; the first row names the columns: {', '.join(COLUMNS)}")
        )
    if faults:
        raise FormatError(*faults)
    return names


def column_name(written: str) -> str:
    """Return the name of a column however it is written: "Class word" -> "class_word"."""
    return re.sub(r"[\s-]+", "_", written.strip().lower())


def _json_lines(text: str) -> Iterator[Record]:
    """Yield the objects of JSON lines, or of one JSON list; numbered as rows below a header."""
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FormatError(Fault(1, "", f"is not JSON ({error}); correct it, or send CSV")) from error
        parsed = [(i, one) for i, one in enumerate(found, 1)]
    else:
        parsed = []
        for i, line in enumerate(lines_of(text), 1):
            if line.strip():
                try:
                    parsed.append((i, json.loads(line)))
                except (ValueError, RecursionError) as error:
                    raise FormatError(Fault(i, "", f"is not JSON ({error}); write one object a line")) from error
    for i, one in parsed:
        if not isinstance(one, dict):
            raise FormatError(Fault(i, "", 'is not an object; write one such as {"name": "pip"}'))
        _columns(["name", *(str(key) for key in one if column_name(str(key)) != "name")], i)
        yield i, {column_name(str(key)): value for key, value in one.items() if value not in (None, "")}
