"""Local files of a prepared set: those of a folder, or of a bucket, fetched when they are first read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from dreamtuner.train.data.prepared import InFolder, Places
from storage.objects import open_store
from storage.objects.store import ObjectMissingError
from storage.sources.streaming import S3

KEPT = 32
"""Fetched shards that stay on disk: twice as many as are shuffled together."""


@dataclass(frozen=True)
class Fetched:
    """The files of a set in a bucket, in a folder on this machine. All processes of the machine share the folder."""

    url: str
    folder: Path
    kept: int = KEPT

    def __call__(self, key: str) -> Path:
        """Return the file of a key, after fetching it if need be. Raises FileNotFoundError if it does not exist."""
        file = self.folder / key
        if file.is_file():
            os.utime(file)
            return file
        try:
            data = open_store(self.url).get(key)
        except ObjectMissingError as error:
            raise FileNotFoundError(2, "missing", f"{self.url}/{key}") from error
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.{os.getpid()}")
        partial.write_bytes(data)
        partial.rename(file)
        self._forget_oldest()
        return file

    def _forget_oldest(self) -> None:
        """Delete the shards that were read longest ago; a process that has one open reads on."""
        shards = sorted(self.folder.glob("shards/*.tar"), key=_time)
        for old in shards[: -self.kept]:
            old.unlink(missing_ok=True)


def _time(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:  # another process has deleted it
        return 0.0


def places_of(data: str, cache: Path) -> Places:
    """Return the places of the set in a folder, or at s3://bucket/prefix, whose files are fetched into `cache`."""
    if data.startswith(S3):
        return Fetched(data, cache / sha256(data.encode()).hexdigest()[:16])
    return InFolder(Path(data).expanduser())
