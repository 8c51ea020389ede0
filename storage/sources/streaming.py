"""Reads large sources front to back without holding them: files and objects in S3; and lists what a place holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO

from storage.sources import SourceError

S3 = "s3://"


@contextmanager
def open_stream(source: str) -> Iterator[IO[bytes]]:
    """Open a path or s3://bucket/key for reading once, front to back. Raises SourceError, also while it is read."""
    if source.startswith(S3):
        with _bucket().open_object(source) as stream:
            yield stream
        return
    try:
        with Path(source).expanduser().open("rb") as file:
            yield file
    except OSError as error:
        raise SourceError(f"{source!r} cannot be read: {error.strerror}; correct the path") from error


def list_place(place: str, suffix: str) -> list[str]:
    """Return the files below a folder, or the objects below s3://bucket/prefix, whose names end in `suffix`, sorted.

    Raises SourceError.
    """
    if place.startswith(S3):
        found: list[str] = _bucket().list_objects(place, suffix)
        return found
    return sorted(str(one) for one in Path(place).expanduser().rglob(f"*{suffix}") if one.is_file())


def _bucket() -> ModuleType:
    try:
        from storage.sources import bucket  # boto3 is an extra
    except ModuleNotFoundError as error:
        from storage.objects.s3_url import MISSING

        raise SourceError(MISSING) from error
    return bucket
