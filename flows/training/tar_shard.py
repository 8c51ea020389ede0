"""Training images in a WebDataset shard: members with one stem are one sample, read front to back from disk or S3."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from dreamtuner.models.layouts import kind_name
from dreamtuner.train.data.raw import LIMITS, Raw
from flows.training.folder import IMAGES, MASK, is_beside
from storage.sources import SourceError
from storage.sources.streaming import open_stream


def read_tar(source: str) -> Iterator[Raw]:
    """Yield the samples of a shard in order; only one is held. Raises SourceError if the shard is damaged."""
    with open_stream(source) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                stem, files = "", dict[str, bytes]()
                for member in tar:
                    folder, _, name = member.name.rpartition("/")
                    first, dot, ending = name.partition(".")
                    opened = tar.extractfile(member) if dot and first and member.isfile() else None
                    if opened is None:
                        continue
                    key = f"{folder}/{first}" if folder else first
                    if key != stem and files:
                        yield from _raw(stem, files)
                        files = {}
                    stem = key
                    files[ending.lower()] = opened.read(LIMITS.max_bytes + 1)
                yield from _raw(stem, files)
        except tarfile.TarError as error:
            raise SourceError(f"{source!r} is a damaged .tar: {error}; download it again") from error


def _raw(key: str, files: dict[str, bytes]) -> Iterator[Raw]:
    """Yield the sample of these files, if there is an image among them."""
    image = next((data for ending, data in files.items() if f".{ending}" in IMAGES), None)
    if image is None:
        return
    beside = {ending.rpartition(".")[0]: data for ending, data in files.items() if is_beside(ending)}
    mask = beside.pop(MASK, None)
    yield Raw(
        key,
        _given(image),
        _caption(files),
        None if mask is None else _given(mask),
        {kind_name(name): _given(data) for name, data in beside.items()},
    )


def _given(data: bytes) -> Callable[[], bytes]:
    return partial(bytes, data)


def _caption(files: dict[str, bytes]) -> str | None:
    if "txt" in files:
        return files["txt"].decode("utf-8", errors="replace")
    try:
        about: Any = json.loads(files.get("json", b"{}"))
    except ValueError:
        return None
    found = about.get("caption", about.get("text")) if isinstance(about, dict) else None
    return found if isinstance(found, str) else None
