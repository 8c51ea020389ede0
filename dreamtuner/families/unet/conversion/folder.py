"""Copies a diffusers folder with all weights as safetensors; pickles are opened by the restricted unpickler."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from dreamtuner.families.unet.conversion.pickles import open_pickle, write_safetensors
from dreamtuner.families.unet.conversion.portable import load_as_float32, make_portable
from dreamtuner.families.unet.conversion.tokenizer import write_json

_STEMS = {"pytorch_model": "model"}
"""Stems whose files have another name as safetensors."""
_COPIED = {".json", ".txt", ".model", ".md"}
_CHECKER, _INDEX = "safety_checker", "model_index.json"


def convert_folder(source: Path, out: Path, *, dtype: str) -> list[str]:
    """Copy the folder `source` to `out`, weights as safetensors in `dtype` ("keep": as they are); returns notes.

    Other formats (ONNX, Flax), single files beside the parts, and the safety checker are left out.

    Raises:
        IntakeError: a pickle cannot be opened.
    """
    wanted = None if dtype == "keep" else getattr(torch, dtype)
    opened: list[str] = []
    for file in sorted(one for one in source.rglob("*") if one.is_file()):
        place = file.relative_to(source)
        if place.parts[0] == _CHECKER or any(part.startswith(".") for part in place.parts):
            continue
        if file.suffix == ".bin" and len(place.parts) > 1:
            target = _as_safetensors(file)
            if not target.is_file():
                write_safetensors(open_pickle(file).tensors, out / target.relative_to(source), wanted)
                opened.append(place.as_posix())
        elif file.suffix == ".safetensors" and len(place.parts) > 1:
            (out / place).parent.mkdir(parents=True, exist_ok=True)
            if wanted is None:
                shutil.copyfile(file, out / place)
            else:
                write_safetensors(load_file(file), out / place, wanted)
        elif ".bin.index." in file.name:
            if not _as_safetensors(file).is_file():
                _write_index(file, out / _as_safetensors(file).relative_to(source))
        elif file.suffix in _COPIED or file.name.upper().startswith(("LICENSE", "LICENCE")):
            (out / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, out / place)
    notes = [f"written anew as safetensors: {', '.join(opened)}"] if opened else []
    index = json.loads((out / _INDEX).read_text(encoding="utf-8"))
    if index.get(_CHECKER, [None])[0] is not None:
        write_json(out / _INDEX, {**index, _CHECKER: [None, None], "requires_safety_checker": False})
        notes.append("the safety checker is left out")
    if wanted is not None:
        load_as_float32(out)
    make_portable(out)
    return notes


def _as_safetensors(file: Path) -> Path:
    """Return the place of a pickle, or of its index, as safetensors."""
    stem, dot, rest = file.name.partition(".")
    whole, dash, shard = stem.partition("-")
    name = f"{_STEMS.get(whole, whole)}{dash}{shard}{dot}{rest}"
    return file.with_name(name.replace(".bin", ".safetensors", 1))


def _write_index(file: Path, target: Path) -> None:
    stated = json.loads(file.read_text(encoding="utf-8"))
    shards = {name: _as_safetensors(file.with_name(shard)).name for name, shard in stated["weight_map"].items()}
    write_json(target, {**stated, "weight_map": shards})
