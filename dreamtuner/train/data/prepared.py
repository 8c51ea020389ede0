"""Reads prepared images from their shards, by number: any one at any time, whole shards being fetched once."""

from __future__ import annotations

import mmap
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pydantic import ValidationError

from dreamtuner.train.data.manifest import INDEX, MANIFEST, Index, Manifest
from dreamtuner.train.data.sample import Sample, unpack

Places = Callable[[str], Path]
"""Returns the local file of a key of the set, which is fetched if need be."""
OPEN = 64
"""Shards that are open at a time."""


class DataError(ValueError):
    """A set of prepared images cannot be read, or belongs to another model; the message says what to do."""


@dataclass(frozen=True)
class InFolder:
    """The places of a set in a folder."""

    folder: Path

    def __call__(self, key: str) -> Path:
        """Return the file of a key."""
        return self.folder / key


class PreparedImages:
    """A complete set of prepared images. Raises DataError if it is not complete, or damaged."""

    def __init__(self, places: Places) -> None:
        self._places, self._open, self._lock = places, OrderedDict[int, mmap.mmap](), Lock()
        try:
            self.manifest = Manifest.model_validate_json(places(MANIFEST).read_bytes())
            self.index = Index.from_bytes(places(INDEX).read_bytes())
        except FileNotFoundError as error:
            raise DataError(
                f"data: {error.filename} is missing; the preparation has not ended: run it again"
            ) from error
        except ValidationError as error:
            raise DataError(f"data: the manifest is damaged ({error.error_count()} problems); prepare again") from error

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.index)

    def sizes(self, rows: list[int]) -> list[tuple[int, int]]:
        """Return width and height of images, pixels."""
        return [(int(self.index.width[row]), int(self.index.height[row])) for row in rows]

    def __getitem__(self, row: int) -> Sample:
        """Read one image. Safe in several threads."""
        start, count = int(self.index.offset[row]), int(self.index.bytes[row])
        with self._lock:
            data = self._shard(int(self.index.shard[row]))[start : start + count]
        if len(data) < count:
            raise DataError(f"data: {self.manifest.shards[self.index.shard[row]]} is cut off; prepare it again")
        return unpack(data)

    def _shard(self, number: int) -> mmap.mmap:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        if len(self._open) >= OPEN:
            self._open.popitem(last=False)[1].close()
        with self._places(self.manifest.shards[number]).open("rb") as file:
            self._open[number] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._open[number]
