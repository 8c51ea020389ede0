"""Raw training images: in a folder, in a table, or in WebDataset shards; in chunks that are prepared one by one."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dreamtuner.train.data.raw import Raw
from flows.spec.problems import InputError, Problem
from flows.training.folder import list_folder
from flows.training.table import list_table
from flows.training.tar_shard import read_tar
from storage.redaction import redact_url
from storage.sources import SourceError
from storage.sources.streaming import S3, list_place

TABLES = (".csv", ".jsonl")
TAR = ".tar"


class Chunk(Protocol):
    """Some of the raw images, always the same ones in the same order."""

    def images(self) -> Iterator[Raw]:
        """Yield them; what was yielded may be unreadable once the next one is."""
        ...


@dataclass(frozen=True)
class Listed:
    """Images that are files of their own."""

    listed: tuple[Raw, ...]

    def images(self) -> Iterator[Raw]:
        """Yield them."""
        yield from self.listed


@dataclass(frozen=True)
class Tar:
    """The images of one WebDataset shard, a path or an s3:// URL, read front to back."""

    source: str

    def images(self) -> Iterator[Raw]:
        """Yield them; raises SourceError if the shard cannot be read."""
        yield from read_tar(self.source)


def chunks_of(data: str, per_chunk: int) -> list[Chunk]:
    """Divide raw images into chunks.

    `data`: a folder of images, or of .tar shards; a .csv or .jsonl; a .tar, or a pattern such as shards/*.tar;
    s3://bucket/prefix or one .tar there.

    Raises:
        InputError: there are none, or the table is invalid.
    """
    try:
        tars = _tars(data)
        if tars:
            return [Tar(one) for one in tars]
        listed = list_table(Path(data)) if data.endswith(TABLES) else list_folder(Path(data).expanduser())
    except SourceError as error:
        raise _problem(str(error)) from error
    if not listed:
        raise _problem(
            f"{redact_url(data)!r} holds neither images nor .tar shards; give a folder, a .csv or .jsonl, or shards"
        )
    return [Listed(tuple(listed[i : i + per_chunk])) for i in range(0, len(listed), per_chunk)]


def _tars(data: str) -> Sequence[str]:
    if data.endswith(TAR) and "*" not in data:
        return [data]
    if data.startswith(S3):
        return list_place(data, TAR)
    if "*" in data:
        return sorted(glob.glob(data, recursive=True))
    return list_place(data, TAR) if Path(data).expanduser().is_dir() else []


def _problem(message: str) -> InputError:
    return InputError("train", [Problem(path=("--data",), message=message)])
