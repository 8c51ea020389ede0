"""Writes tensors to a safetensors file one after the other, so that no copy of all of them is in main memory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from dreamtuner.train.divided_tensor import whole

_NAMES = {
    torch.float64: "F64",
    torch.int64: "I64",
    torch.float32: "F32",
    torch.int32: "I32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.bool: "BOOL",
}


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write the tensors, of any device and memory layout, to `path`, and wait until they are on the disk.

    The layout is that of the safetensors format: the length of the header, the header as JSON, and the bytes of each
    tensor, those of wider types first, so that all are aligned.
    """
    ordered = _ordered(tensors)
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name in ordered:
        one = tensors[name]
        start, end = end, end + one.nbytes
        header[name] = {"dtype": _NAMES[one.dtype], "shape": list(one.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in ordered:
            flat = whole(tensors[name].detach()).cpu().contiguous().reshape(-1)
            file.write(flat.view(torch.uint8).numpy().data)
        file.flush()
        os.fsync(file.fileno())


def help_to_write(tensors: Mapping[str, Tensor]) -> None:
    """Give this process's parts of divided tensors to the one that calls `write_tensors`."""
    for name in _ordered(tensors):
        whole(tensors[name].detach())


def _ordered(tensors: Mapping[str, Tensor]) -> list[str]:
    return sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
