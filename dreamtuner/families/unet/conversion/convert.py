"""Converts weights of other layouts to what this project and diffusers read, whole or not at all.

one file with all weights      -> a folder in diffusers' layout
a folder with pickles          -> the same folder as safetensors
a VAE in a file                -> the folder of a VAE
a LoRA or embedding as pickle  -> one safetensors file
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from dreamtuner.families.unet.conversion.configs import AUTO
from dreamtuner.families.unet.conversion.folder import convert_folder
from dreamtuner.families.unet.conversion.pickles import SUFFIXES, Pickled, is_pickle, open_pickle, write_safetensors
from dreamtuner.families.unet.conversion.single_file import convert_model, convert_vae
from dreamtuner.families.unet.conversion.tokenizer import write_json
from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.file_kinds import FileKind, Shapes, file_kind
from dreamtuner.models.intake.safetensors_header import read_header

DTYPES = ("keep", "float16", "bfloat16", "float32")
_LISTED = {"lora": "LoRA", "embedding": "textual inversion", "vae": "VAE"}
"""Kinds of files that a profile names beside its model, under the kind's plural."""
RECORD = "conversion.json"
"""File in a converted folder that says what it was converted from and holds the digests of its files."""


@dataclass(frozen=True)
class Conversion:
    """`out`: the folder or file; `kind`: what it is; `made`: False if it was there already; `notes`: for the user."""

    out: Path
    kind: str
    made: bool
    notes: tuple[str, ...] = ()


def convert(
    source: Path, out: Path, *, dtype: str = "keep", config: str = AUTO, only_models: bool = False
) -> Conversion:
    """Convert a file or folder to `out`, which is complete once it exists. An identical earlier conversion is kept.

    Args:
        source: a .safetensors file, a pickle (.ckpt, .bin, .pt, .pth), or a folder in diffusers' layout.
        out: the folder to write; for a LoRA or an embedding, the .safetensors file.
        dtype: one of DTYPES, of all weights; keep: the file's own.
        config: the architecture of a model: a name in configs.SHIPPED, "auto", or a folder whose configs to use.
        only_models: reject LoRAs, embeddings and VAEs.

    Raises:
        IntakeError: the source cannot be converted, or `out` exists and is something else.
    """
    if dtype not in DTYPES:
        raise IntakeError(f"--dtype {dtype}: is not one of {', '.join(DTYPES)}")
    if not source.exists():
        raise IntakeError(f"{source}: no such file or folder; correct the path")
    if source.is_dir():
        if not (source / "model_index.json").is_file():
            raise IntakeError(f"{source} has no model_index.json; give a file, or a folder in the diffusers layout")
        return _written(
            source, out, "folder", dtype, AUTO, lambda partial: convert_folder(source, partial, dtype=dtype)
        )
    held = open_pickle(source) if is_pickle(source) or source.suffix.lower() in SUFFIXES else None
    found, shapes = _recognised(source, held)
    if only_models and found.kind in _LISTED:
        raise IntakeError(
            f"{source.name} is a {_LISTED[found.kind]}, not a model; give the model, and name this file in its profile "
            f"under {found.kind}s"
        )
    if found.kind in ("lora", "embedding"):
        return _converted_tensors(source, held, out, found.kind, dtype)
    if found.kind == "vae":
        options: dict[str, Any] = {"config": config, "dtype": dtype}
        return _written(
            source, out, "vae", dtype, config, lambda partial: convert_vae(source, held, shapes, partial, **options)
        )
    return _written(
        source,
        out,
        found.kind,
        dtype,
        config,
        lambda partial: convert_model(source, held, found, shapes, partial, config=config, dtype=dtype),
    )


def _recognised(source: Path, held: Pickled | None) -> tuple[FileKind, Shapes]:
    if held is not None:
        shapes: Shapes = {name: tuple(one.shape) for name, one in held.tensors.items()}
        return file_kind(shapes, {}, source.name), shapes
    shapes = {name: one.shape for name, one in read_header(source).items()}
    return file_kind(shapes, _metadata(source), source.name), shapes


def _metadata(file: Path) -> dict[str, str]:
    with safe_open(file, "pt") as opened:
        return opened.metadata() or {}


def _converted_tensors(source: Path, held: Pickled | None, out: Path, kind: str, dtype: str) -> Conversion:
    if out.suffix != ".safetensors":
        raise IntakeError(f"OUT: {source.name} is one {kind}, which stays one file; name it {out.name}.safetensors")
    partial = _partial(out)
    try:
        tensors = load_file(source) if held is None else held.tensors
        about = None if held is not None else _metadata(source)
        write_safetensors(tensors, partial, None if dtype == "keep" else getattr(torch, dtype), about)
        if out.exists():
            if not out.is_file() or file_sha256(out) != file_sha256(partial):
                raise _taken(out)
            return Conversion(out, kind, made=False)
        out.parent.mkdir(parents=True, exist_ok=True)
        partial.rename(out)
    finally:
        partial.unlink(missing_ok=True)
    return Conversion(out, kind, made=True)


def _written(
    source: Path, out: Path, kind: str, dtype: str, config: str, write: Callable[[Path], list[str]]
) -> Conversion:
    asked = {"source": _digests(source), "dtype": dtype, "config": config}
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if _is_conversion(out, asked):
            return Conversion(out, kind, made=False)
        raise _taken(out)
    partial = _partial(out)
    work = partial / out.name
    shutil.rmtree(partial, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        notes = write(work)
        write_json(work / RECORD, {**asked, "name": source.name, "files": _digests(work)})
        if out.exists():
            out.rmdir()
        work.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Conversion(out, kind, made=True, notes=tuple(notes))


def _partial(out: Path) -> Path:
    """Return the place beside OUT to write to; what a killed conversion left there is overwritten."""
    return out.absolute().with_name(f".{out.name}.partial")


def _is_conversion(out: Path, asked: dict[str, Any]) -> bool:
    """Return whether a folder is the intact result of the same conversion."""
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    same = isinstance(record, dict) and all(record.get(key) == value for key, value in asked.items())
    return same and record.get("files") == {name: one for name, one in _digests(out).items() if name != RECORD}


def _digests(place: Path) -> dict[str, str]:
    """Return the SHA-256 of a file, or of each file of a folder, by name."""
    if place.is_file():
        return {"": file_sha256(place)}
    files = sorted(one for one in place.rglob("*") if one.is_file())
    return {one.relative_to(place).as_posix(): file_sha256(one) for one in files}


def _taken(out: Path) -> IntakeError:
    return IntakeError(f"OUT: {out} exists and is not this conversion; give another place, or remove it")
