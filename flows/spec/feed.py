"""Reads subjects from a table, checked as a whole: every fault of every row at once.

A row is a subject: its name, and for one that is not in the catalog its class word and reference.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.spec.feed_table import COLUMNS, Fault, FormatError, Record, records
from flows.spec.problems import dotted, problems_of
from flows.spec.subject import SubjectSpec
from storage.sources import object_digest
from storage.text import fault_of

PROJECT = "project"
MAX_BYTES, MAX_ROWS = 16 * 1024 * 1024, 50_000
SHOWN = 20
"""How many faults a message lists; the rest is counted."""
_PLACE = re.compile(r"(https?|s3|object)://\S+")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


@dataclass(frozen=True)
class FeedRow:
    """A subject of a feed. `row`: as in `Fault`; `project`: the name of its project, if one is given."""

    row: int
    subject: SubjectSpec
    project: str | None = None


@dataclass(frozen=True)
class Feed:
    """A feed that was read: its sound rows, in order, and the faults of the others, by row."""

    rows: tuple[FeedRow, ...]
    faults: tuple[Fault, ...]

    @property
    def subjects(self) -> tuple[SubjectSpec, ...]:
        """Return the subjects, in order."""
        return tuple(one.subject for one in self.rows)

    def project(self) -> str | None:
        """Return the project of the rows; None: none is named. Rows of another one than the first are faults."""
        return next((one.project for one in self.rows), None)


def read_feed(data: bytes, *, base: Path | None = None, paths: bool = True) -> Feed:
    """Read a feed from its bytes. Never raises: whatever is wrong is a fault of the result.

    Args:
        data: UTF-8, or UTF-16 with a byte order mark.
        base: the folder that relative paths of references and masks are relative to; None: the working folder.
        paths: whether references may be paths; a feed that was uploaded names files that the workers have to find.
    """
    if len(data) > MAX_BYTES:
        return _refused(f"the file is larger than {MAX_BYTES:,} bytes; split it")
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        return _refused("is not UTF-8 text; save the file as CSV UTF-8, in Excel under Save as", row=row)
    if not text.strip():
        return _refused(f"the file is empty; its first row names the columns: {', '.join(COLUMNS)}")
    try:
        found = records(text)
    except FormatError as error:
        return Feed((), tuple(error.faults))
    if len(found) > MAX_ROWS:
        return _refused(f"the file has {len(found):,} rows, more than {MAX_ROWS:,}; split it")
    if not found:
        return _refused("there is no row below the header; add one for each subject")
    return _checked(found, base, paths)


def _refused(message: str, row: int = 1) -> Feed:
    return Feed((), (Fault(row, "", message),))


def _checked(found: Iterable[Record], base: Path | None, paths: bool) -> Feed:
    rows: list[FeedRow] = []
    faults: list[Fault] = []
    first: dict[object, Any] = {}
    for number, values in found:
        project = values.pop(PROJECT, None)
        wrong = list(_faults(number, values, project, first, paths))
        subject: SubjectSpec | None = None
        try:
            subject = SubjectSpec.model_validate(values)
        except ValidationError as error:
            said = {fault.field for fault in wrong}
            for problem in problems_of(error, SubjectSpec):
                if (field := dotted(problem.path[:1])) not in said:
                    wrong.append(Fault(number, field, problem.message))
        if wrong or subject is None:
            faults += wrong
            continue
        if base is not None:
            subject = subject.with_places(lambda place: place if "://" in place else str((base / place).absolute()))
        rows.append(FeedRow(number, subject, None if project is None else str(project)))
    return Feed(tuple(rows), tuple(faults))


def _faults(
    number: int, values: dict[str, object], project: object, first: dict[object, Any], paths: bool
) -> Iterator[Fault]:
    """Yield what is wrong with a row beside what a subject's entry refuses anywhere."""
    name = values.get("name")
    if isinstance(name, str) and (before := first.setdefault(("name", name), number)) != number:
        yield Fault(number, "name", f"{name!r} is already in row {before}; give each subject its own name")
    for field in ("reference", "mask"):
        place = values.get(field)
        if isinstance(place, str) and (wrong := _place_fault(place, paths=paths)) is not None:
            yield Fault(number, field, wrong)
    if project is not None and (not isinstance(project, str) or fault_of(project) is not None):
        yield Fault(number, PROJECT, "give the name of a project")
    elif first.setdefault(PROJECT, (project, number))[0] != project:
        other, row = first[PROJECT]
        named = "none" if other is None else repr(other)
        yield Fault(number, PROJECT, f"row {row} has {named}; a run has one project: split the table by project")


def _place_fault(place: str, *, paths: bool) -> str | None:
    """Return why a place can never be read; None if it may be: whether the file is there shows when it is read."""
    if place.startswith("object://"):
        return None if object_digest(place) else "write object:// and the 64 hex digits of the file's SHA-256"
    if _PLACE.fullmatch(place):
        return None
    if (scheme := _SCHEME.match(place)) is not None and len(scheme[1]) > 1:
        return f"{place[:60]!r} cannot be read; give an https:// or s3:// URL" + (" or a path" if paths else "")
    if not paths and not place.startswith("/"):
        return f"{place[:60]!r} is a relative path; give an https:// or s3:// URL, or a path that begins with /"
    return None


def listed(faults: Sequence[Fault]) -> str:
    """Return faults as text: the first ones, and how many there are in all."""
    shown = "; ".join(str(one) for one in faults[:SHOWN])
    return shown if len(faults) <= SHOWN else f"{shown}; and {len(faults) - SHOWN:,} more"


def faults_csv(faults: Sequence[Fault]) -> str:
    """Return all faults as CSV, with a byte order mark for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("row", "field", "problem"))
    # a cell that begins with one of these would be a formula in a spreadsheet
    writer.writerows((one.row, _plain(one.field), _plain(one.message)) for one in faults)
    return "\ufeff" + out.getvalue()


def _plain(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
