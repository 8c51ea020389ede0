"""Reads the tensors of one file, safetensors or a pickle that holds tensors alone; runs no code of the file."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any


def read_tensors(file: Path) -> dict[str, Any]:
    """Return the tensors of a file by name, on the CPU. Raises ValueError if it is not such a file."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return dict(load_file(file))
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        why = " ".join(str(error).split())[:120]
        raise ValueError(f"{file} cannot be read as tensors ({why}); fetch it again") from error
    if not isinstance(found, dict) or not all(isinstance(one, torch.Tensor) for one in found.values()):
        raise ValueError(f"{file} holds something else than tensors by name; use the published file")
    return dict(found)
