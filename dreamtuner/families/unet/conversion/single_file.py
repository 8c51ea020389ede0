"""Converts one file with all weights, in LDM's names, to a diffusers folder by diffusers' own loader, offline."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.loaders.single_file_utils import SingleFileComponentError
from safetensors import safe_open
from safetensors.torch import load_file

from dreamtuner.families.unet.conversion.configs import (
    configs_for,
    vae_config_for,
    with_prediction,
    write_configs,
)
from dreamtuner.families.unet.conversion.pickles import Pickled, write_safetensors
from dreamtuner.families.unet.conversion.portable import load_as_float32, make_portable
from dreamtuner.families.unet.conversion.tokenizer import write_json
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.file_kinds import UNET, FileKind, Shapes

SHORT, FULL = "cond_stage_model.transformer.", "cond_stage_model.transformer.text_model."
"""Some files name the text encoder without text_model; diffusers knows the full names."""
_PIPELINES = {"sd15": StableDiffusionPipeline, "sd2": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
_WEIGHED = (UNET, "first_stage_model.", "vae.", "cond_stage_model.", "conditioner.")


def convert_model(
    file: Path, held: Pickled | None, found: FileKind, shapes: Shapes, out: Path, *, config: str, dtype: str
) -> list[str]:
    """Write the model of a file to the folder `out`; returns notes. `held`: the contents of the file if it is a pickle.

    Raises:
        IntakeError: the file lacks weights, or its architecture is not known.
    """
    step = None if held is None else held.step
    try:
        configs, notes = configs_for(with_prediction(found, config, step), shapes, config, file.name)
    except (KeyError, IndexError, StopIteration) as error:
        raise IntakeError(f"{file.name} has a model of an unknown architecture: it lacks {error}") from error
    scratch = out.with_name(f"{out.name}.scratch")
    write_configs(configs, found.kind, scratch)
    weights = _named_in_full(file, held, shapes, scratch)
    absent: dict[str, Any] = {place.name: None for place in scratch.glob("tokenizer*")}  # written, not loaded
    with _quiet():
        try:
            pipeline = _PIPELINES[found.kind].from_single_file(
                str(weights), config=str(scratch), torch_dtype=_dtype(weights, dtype), local_files_only=True, **absent
            )
        except (ValueError, KeyError, RuntimeError, OSError, SingleFileComponentError) as error:
            raise IntakeError(_misfit(file.name, config, str(error))) from error
        given, used = sum(one.startswith(UNET) for one in shapes), len(pipeline.unet.state_dict())
        if given != used:
            raise IntakeError(f"{file.name} has a U-Net of an unknown architecture: {given} weights, {used} are known")
        pipeline.save_pretrained(out)
    _finish(out, scratch)
    if any(name.startswith("model_ema.") for name in shapes):
        notes.append("the file also has averaged weights (model_ema.*), which are left out")
    if found.kind != "sdxl":
        notes.append("the safety checker is left out: no single file has one")
    return notes


def convert_vae(file: Path, held: Pickled | None, shapes: Shapes, out: Path, *, config: str, dtype: str) -> list[str]:
    """Write a VAE in a file of its own to the folder `out`; returns notes."""
    sdxl = config == "sdxl"
    write_json(out / "config.json", vae_config_for(shapes, sdxl))
    tensors = load_file(file) if held is None else held.tensors
    wanted = _widest(tensors.values()) if dtype == "keep" else getattr(torch, dtype)
    with _quiet():
        vae = AutoencoderKL.from_single_file(dict(tensors), config=str(out), torch_dtype=wanted, local_files_only=True)
        vae.save_pretrained(out)
    if sdxl:
        return []
    return ["latents are scaled as those of SD 1.x and 2.x are; for a VAE of SDXL add --config sdxl"]


def _named_in_full(file: Path, held: Pickled | None, shapes: Shapes, scratch: Path) -> Path:
    """Return a safetensors file whose names diffusers knows: the file itself, or a copy."""
    short = [name for name in shapes if name.startswith(SHORT) and not name.startswith(FULL)]
    if held is None and not short:
        return file
    tensors = load_file(file) if held is None else held.tensors
    copy = scratch / "weights.safetensors"
    write_safetensors({name.replace(SHORT, FULL) if name in short else name: t for name, t in tensors.items()}, copy)
    return copy


def _dtype(weights: Path, stated: str) -> torch.dtype:
    """Return the dtype to write: the stated one, or the narrowest that holds all weights of the file."""
    if stated != "keep":
        wanted: torch.dtype = getattr(torch, stated)
        return wanted
    with safe_open(weights, "pt") as opened:
        parts = (opened.get_slice(name) for name in list(opened.keys()) if name.startswith(_WEIGHED))
        return _widest(part[:0] for part in parts if part.get_shape())


def _widest(tensors: Any) -> torch.dtype:
    kinds = {one.dtype for one in tensors if one.is_floating_point()}
    kinds = {torch.float16 if kind.itemsize == 1 else kind for kind in kinds}
    widest = reduce(torch.promote_types, kinds)
    return torch.float32 if widest == torch.float64 else widest


def _misfit(name: str, config: str, error: str) -> str:
    if "meta tensor" in error:
        return f"{name} lacks weights of its U-Net, VAE or text encoder; get the file that has all"
    return f"{name} does not fit the configs ({config}): {' '.join(error.split())[:300]}"


def _finish(out: Path, scratch: Path) -> None:
    """Add the tokenizers in the layout that every version reads, and have text encoders load as float32."""
    for tokenizer in scratch.glob("tokenizer*"):
        tokenizer.rename(out / tokenizer.name)
    places = {part: one for part, one in _index(scratch).items() if part.startswith("tokenizer")}
    write_json(out / "model_index.json", {**_index(out), **places})
    load_as_float32(out)
    make_portable(out)


def _index(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep diffusers from showing bars and warnings of names that it does not use, such as position_ids."""
    bars, level = transformers.utils.logging.is_progress_bar_enabled(), diffusers.utils.logging.get_verbosity()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        diffusers.utils.logging.set_verbosity(level)
        if bars:
            diffusers.utils.logging.enable_progress_bar()
            transformers.utils.logging.enable_progress_bar()
