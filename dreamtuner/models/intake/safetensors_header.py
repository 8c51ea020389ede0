"""Reads the header of a safetensors file, which is JSON, and finds files that are cut off. Loads no tensor.

Format: 8 bytes N (little endian), N bytes of JSON {name: {dtype, shape, data_offsets}}, then the tensors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dreamtuner.models.intake.errors import IntakeError

LARGEST = 100 * 1024 * 1024
"""Bytes of the largest header that the format allows."""
_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class TensorInfo:
    """Type, such as "F16", and shape of one tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def read_header(file: Path) -> Mapping[str, TensorInfo]:
    """Return the tensors of a safetensors file by name.

    Raises:
        IntakeError: the file is missing, a Git LFS pointer, not safetensors, or shorter than its header says.
    """
    try:
        stat = file.stat()
    except FileNotFoundError:
        raise IntakeError(f"{file} is missing; download the model again") from None
    return _read(file, stat.st_size, stat.st_mtime_ns)


def demand_no_pointer(file: Path) -> None:
    """Raise IntakeError if the file is what Git leaves without LFS: a few lines in place of the weights."""
    with file.open("rb") as opened:
        if opened.read(len(_POINTER)) == _POINTER:
            raise IntakeError(
                f"{file} is a Git LFS pointer, not the weights; run `git lfs pull` in its repository, or fetch the "
                "model with dreamtuner models add NAME OWNER/NAME"
            )


@lru_cache(maxsize=256)
def _read(file: Path, size: int, mtime_ns: int) -> Mapping[str, TensorInfo]:
    demand_no_pointer(file)
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if size < 8 or length > LARGEST:
            raise IntakeError(f"{file} is not a safetensors file; download it again")
        raw = opened.read(length)
    if len(raw) < length:
        raise _cut(file, size, 8 + length)
    try:
        header: dict[str, Any] = json.loads(raw)
        header.pop("__metadata__", None)
        found = {name: TensorInfo(one["dtype"], tuple(one["shape"])) for name, one in header.items()}
        end = max((one["data_offsets"][1] for one in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntakeError(f"{file} is not a safetensors file; download it again") from error
    if size != 8 + length + end:
        raise _cut(file, size, 8 + length + end)
    return found


def _cut(file: Path, size: int, expected: int) -> IntakeError:
    what = "only " if size < expected else ""
    return IntakeError(
        f"{file} has {what}{size:,} bytes, but its header describes {expected:,}; the download is incomplete: repeat it"
    )
