"""Opens pickles of weights by torch's restricted unpickler, which runs no code, and writes tensors as safetensors."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.safetensors_header import demand_no_pointer

SUFFIXES = frozenset({".ckpt", ".bin", ".pt", ".pth"})
"""Suffixes of pickles of weights."""
_REMEDY = "get a .safetensors file of the same weights"
_GLOBAL = re.compile(r"(?:GLOBAL|class|function) `?'?([\w.]+)")


@dataclass(frozen=True)
class Pickled:
    """What a pickle holds. `step`: the number of training steps that it states."""

    tensors: dict[str, Tensor]
    step: int | None = None


def open_pickle(file: Path) -> Pickled:
    """Read the tensors of a pickle, on the CPU. Nested dictionaries named state_dict are unwrapped.

    Raises:
        IntakeError: it is no pickle of weights, is cut off, or needs more than tensors: that could run any program.
    """
    demand_no_pointer(file)
    if not is_pickle(file):
        raise IntakeError(f"{file} is not a file of weights (neither safetensors nor a pickle); download it again")
    zipped = zipfile.is_zipfile(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of pickle protocols that torch does not write
            if zipped and file.suffix != ".safetensors":  # torch goes by that name, not by content
                content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
            else:
                with file.open("rb") as opened:
                    content = torch.load(opened, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise IntakeError(_why(file, str(error))) from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise IntakeError(f"{file} cannot be read: it is cut off or damaged; download it again") from error
    step = content.get("global_step") if isinstance(content, Mapping) else None
    while isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise IntakeError(f"{file} holds no weights by name; {_REMEDY}")
    tensors = _tensors(content)
    if not tensors:
        raise IntakeError(f"{file} holds no weights; {_REMEDY}")
    return Pickled(tensors, step if isinstance(step, int) else None)


def _tensors(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return tensors by name; A1111's embeddings have theirs in string_to_param, and are named as its safetensors."""
    learned = content.get("string_to_param")
    if isinstance(learned, Mapping):
        return {"emb_params": one.detach() for one in list(learned.values())[:1] if isinstance(one, Tensor)}  # noqa: B035
    return {str(name): one.detach() for name, one in content.items() if isinstance(one, Tensor)}


def is_pickle(file: Path) -> bool:
    """Return whether a file is a pickle by its first bytes, whatever its name: a zip archive, or a bare pickle."""
    with file.open("rb") as opened:
        start = opened.read(2)
    return start == b"PK" or start[:1] == b"\x80"


def _why(file: Path, message: str) -> str:
    wanted = _GLOBAL.search(message)
    what = f"needs {wanted[1]}" if wanted is not None else "holds other objects"
    return (
        f"{file} is a pickle that {what}, not weights alone: opening it could run any program, so it is not opened; "
        f"{_REMEDY}"
    )


def write_safetensors(
    tensors: Mapping[str, Tensor],
    file: Path,
    dtype: torch.dtype | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors to a safetensors file, floating ones in `dtype` (None: as they are)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    cast = {name: one.to(dtype) if dtype and one.is_floating_point() else one for name, one in tensors.items()}
    seen = set[int]()
    for name, one in cast.items():
        place = one.untyped_storage().data_ptr()
        cast[name] = one.clone(memory_format=torch.contiguous_format) if place in seen else one.contiguous()
        seen.add(place)
    save_file(cast, file, metadata={**(metadata or {}), "format": "pt"})
