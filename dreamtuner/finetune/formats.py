"""Exports a checkpoint to the formats of other programs: an embedding, a LoRA in two layouts, a diffusers folder.

The subject-encoder's ResBlocks, which no other format supports, are written only to the folder, which this project
reads too.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, get_args

import torch
from safetensors.torch import save_file
from torch import Tensor

from dreamtuner.families.backbone import Backbone, FineTunable
from dreamtuner.families.registry import fine_tunable
from dreamtuner.finetune.learned_token import with_token
from dreamtuner.finetune.result import Checkpoint, replaced_parameters

Format = Literal["textual-inversion", "lora", "lora-kohya", "diffusers"]
FORMATS: tuple[Format, ...] = get_args(Format)
EMBEDDING, LORA, KOHYA = "learned_embeds.safetensors", "pytorch_lora_weights.safetensors", "lora-kohya.safetensors"

KOHYAS = {"lora_A": "lora_down", "lora_B": "lora_up"}


class CheckpointExportError(ValueError):
    """The checkpoint cannot be exported to a format; the message names the field and the remedy."""


def export(tuned: Checkpoint, backbone: Backbone, kind: Format, out: Path) -> list[Path]:
    """Export the checkpoint to the folder `out`, which must be new or empty. Returns the files or folders written.

    A LoRA is accompanied by the embedding of the learned token, which prompts with the token need.

    Raises:
        CheckpointExportError: the folder is not empty, or the checkpoint lacks what the format contains.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CheckpointExportError(f"OUT: {out} exists and is not empty; give another folder, or empty it")
    write: dict[Format, Callable[[Checkpoint, FineTunable, Path], None]] = {
        "textual-inversion": _embedding,
        "lora": _lora,
        "lora-kohya": _kohya,
        "diffusers": _folder,
    }
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        write[kind](tuned, fine_tunable(backbone), partial)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return sorted(out.iterdir())


def _embedding(tuned: Checkpoint, backbone: FineTunable, out: Path) -> None:
    if tuned.row is None:
        raise CheckpointExportError("format: this checkpoint has no learned token; export it as lora or diffusers")
    save_file({tuned.settings.word: tuned.row[0].contiguous()}, out / EMBEDDING)


def _matrices(tuned: Checkpoint) -> dict[str, dict[str, Tensor]]:
    found = {part: tuned.part(part) for part in ("unet", "text_encoder")}
    if tuned.settings.mode != "lora" or not any(found.values()):
        raise CheckpointExportError("format: this checkpoint has no LoRA; export it as diffusers, or textual-inversion")
    # the name that the text encoder's layers have in every version of transformers and in other programs
    text = {f"text_model.{name}": one for name, one in found["text_encoder"].items()}
    return {"unet": found["unet"], "text_encoder": text}


def _lora(tuned: Checkpoint, backbone: FineTunable, out: Path) -> None:
    named = {f"{part}.{name}": one for part, ones in _matrices(tuned).items() for name, one in ones.items()}
    save_file(named, out / LORA)
    _beside(tuned, backbone, out)


def _kohya(tuned: Checkpoint, backbone: FineTunable, out: Path) -> None:
    """Write the keys of kohya's trainer for Stable Diffusion 1.x, which A1111, ComfyUI and others read."""
    heads = {"unet": "lora_unet_", "text_encoder": "lora_te_"}
    named: dict[str, Tensor] = {}
    for part, ones in _matrices(tuned).items():
        for name, one in ones.items():
            layer, _, matrix = name.removesuffix(".weight").rpartition(".")
            key = heads[part] + layer.replace(".", "_")
            named[f"{key}.{KOHYAS[matrix]}.weight"] = one
            named[f"{key}.alpha"] = torch.tensor(float(tuned.settings.rank))
    save_file(named, out / KOHYA)
    _beside(tuned, backbone, out)


def _beside(tuned: Checkpoint, backbone: FineTunable, out: Path) -> None:
    if tuned.row is not None:
        _embedding(tuned, backbone, out)


def _folder(tuned: Checkpoint, backbone: FineTunable, out: Path) -> None:
    """Write a diffusers folder: adapters merged, the learned token added to the tokenizer and the embedding table."""
    profile, models = backbone.profile, backbone.learnable
    text_encoder, tokenizer = copy.deepcopy(models["text_encoder"]), backbone.tokenizer
    with ExitStack() as stack:
        stack.enter_context(replaced_parameters(text_encoder, tuned.weights("text_encoder", text_encoder)))
        if tuned.row is not None:
            tokenizer = with_token(tokenizer, tuned.settings.word)
            text_encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
            with torch.no_grad():
                text_encoder.get_input_embeddings().weight[-1] = tuned.row[0]
        for name in models.keys() - {"text_encoder"}:
            stack.enter_context(replaced_parameters(models[name], tuned.weights(name, models[name])))
        backbone.save(out, tokenizer=tokenizer, text_encoder=text_encoder)
    for more in ("tower", "controlnet-pose", "controlnet-depth"):
        if profile.folder(more).is_dir():
            shutil.copytree(profile.folder(more), out / more)
