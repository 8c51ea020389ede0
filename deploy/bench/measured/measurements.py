"""A file of measured cells, without their images, from which tables go on on another machine or in a later version."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from math import isnan, nan
from pathlib import Path
from typing import Any

from PIL import Image

from deploy.bench.refusal import refuse
from dreamtuner.baselines.method import Method
from dreamtuner.evaluation.cache import CellStore, EvaluationCache
from dreamtuner.evaluation.cells import Measured, NewCell, image_requests
from dreamtuner.pocket.training.shards import Picture
from flows.reporting.run_folder import write_whole

DIGITS = 6
"""Significant digits of a number in a file: far finer than any interval, and half the bytes."""


class KeptCells:
    """A `CellStore` that also knows the cells of a file, which have no images; new cells go into the store below.

    Cells are known by the digest of all that decides them, so those of other weights or settings are never used.
    """

    def __init__(self, below: CellStore, file: Path) -> None:
        self._below, self._file = below, file
        self._rows: dict[str, dict[str, Any]] = read_measurements(file) if file.exists() else {}
        try:
            file.parent.mkdir(parents=True, exist_ok=True)  # now, not after hours of measuring
        except OSError as error:
            refuse(f"--measurements: the folder of {file} cannot be made ({error}); give another place")

    def measured(self, digests: Sequence[str]) -> Mapping[str, Measured]:
        """Return the measurements of those digests that the store below or the file has."""
        kept = {one: _measured(self._rows[one]) for one in digests if one in self._rows}
        return {**kept, **self._below.measured(digests)}

    def pictures(self, digests: Sequence[str]) -> Mapping[str, Image.Image]:
        """Return the images that the store below has."""
        return self._below.pictures(digests)

    def save(self, cells: Sequence[NewCell]) -> None:
        """Store the cells below."""
        self._below.save(cells)

    def keep(self, named: Mapping[str, Mapping[str, Any]]) -> int:
        """Write the file anew: what it had, and the measured ones among these digests, each with what it is of.

        Returns the number of cells in it.
        """
        for digest, measured in self._below.measured(list(named)).items():
            self._rows[digest] = {"digest": digest, **named[digest], **_row(measured)}
        text = _text(self._rows[one] for one in sorted(self._rows))
        write_whole(self._file, lambda partial: partial.write_bytes(text))
        return len(self._rows)


def keep(
    cache: EvaluationCache, methods: Mapping[str, Method], subjects: Sequence[Picture], prompts: int, seeds: int
) -> int:
    """Write the measured cells of a table, `methods` by row, into the file of its cache; return the cells in it."""
    named = {
        cache.digest(method, subject, cell): {
            "method": name,
            "subject": str(subject.identity_seed),
            "prompt": cell.prompt(subject),
            "seed": cell.seed,
        }
        for subject in subjects
        for cell in image_requests(subject, prompts, seeds)
        for name, method in methods.items()
    }
    if not isinstance(cache.cells, KeptCells):
        raise TypeError("the cache was opened without a file of measurements")
    return cache.cells.keep(named)


def read_measurements(file: Path) -> dict[str, dict[str, Any]]:
    """Read a file of measurements, by digest. Ends the command if it is no such file, and names the line."""
    try:
        data = file.read_bytes()
        text = gzip.decompress(data).decode() if data[:2] == b"\x1f\x8b" else data.decode()
    except (OSError, EOFError, UnicodeDecodeError, gzip.BadGzipFile, zlib.error) as error:
        refuse(f"--measurements: {file} cannot be read ({error})")
    rows = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            row = json.loads(line)
            _measured(row)
            rows[str(row["digest"])] = row
        except (ValueError, KeyError, TypeError, AttributeError):
            refuse(f"--measurements: {file}, line {number} is no measured cell; give a file that this option wrote")
    return rows


def stored_values(measures: Mapping[str, float]) -> dict[str, float | None]:
    """Return measures as they are stored, by name: JSON has no NaN, so what is undefined is None."""
    return {name: None if isnan(value) else value for name, value in measures.items()}


def read_values(stored: Mapping[str, float | None]) -> dict[str, float]:
    """Return the measures that `stored_values` returned."""
    return {name: nan if value is None else float(value) for name, value in stored.items()}


def _measured(row: Mapping[str, Any]) -> Measured:
    return Measured(read_values(row["measures"]), float(row["prepare_s"]), float(row["picture_s"]))


def _row(measured: Measured) -> dict[str, Any]:
    short = {name: _short(value) for name, value in sorted(measured.measures.items())}
    times = {"prepare_s": _short(measured.prepare_s), "picture_s": _short(measured.picture_s)}
    return {**times, "measures": stored_values(short)}


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _text(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the rows as JSON lines, compressed; equal rows give equal bytes."""
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, packed, mtime=0) as file:
        file.write(text.encode())
    return packed.getvalue()
