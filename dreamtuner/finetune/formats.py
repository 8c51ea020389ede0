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
from dreamtuner.families.parameters import replaced_parameters
from dreamtuner.families.registry import fine_tunable
from dreamtuner.finetune.learned_token import with_token
from dreamtuner.finetune.result import Checkpoint

Format = Literal["textual-inversion", "lora", "lora-kohya", "diffusers"]
FORMATS: tuple[Format, ...] = get_args(Format)
EMBEDDING, LORA, KOHYA = "learned_embeds.safetensors", "pytorch_lora_weights.safetensors", "lora-kohya.safetensors"

HEAD = "text_model."
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
    """Write the token's embedding by the token's name or, for several text encoders, by their names."""
    if not tuned.has_word:
        raise CheckpointExportError("format: this checkpoint has no learned token; export it as lora or diffusers")
    names = backbone.embedding_names or {"text_encoder": tuned.settings.word}
    save_file({called: tuned.row(name)[0].contiguous() for name, called in names.items()}, out / EMBEDDING)


def _matrices(tuned: Checkpoint, backbone: FineTunable) -> dict[str, dict[str, Tensor]]:
    found = {part: tuned.part(part) for part in ("unet", *backbone.tokenizers)}
    if tuned.settings.mode != "lora" or not any(found.values()):
        raise CheckpointExportError("format: this checkpoint has no LoRA; export it as diffusers, or textual-inversion")
    # the name that the text encoder's layers have in every version of transformers and in other programs
    texts = {
        part: {f"{HEAD}{name.removeprefix(HEAD)}": one for name, one in found[part].items()}
        for part in backbone.tokenizers
    }
    return {"unet": found["unet"], **texts}


def _lora(tuned: Checkpoint, backbone: FineTunable, out: Path) -> None:
    named = {f"{part}.{name}": one for part, ones in _matrices(tuned, backbone).items() for name, one in ones.items()}
    save_file(named, out / LORA)
    _beside(tuned, backbone, out)


def _kohya(tuned: Checkpoint, backbone: FineTunable, out: Path) -> None:
    """Write the keys of kohya's trainer, which A1111, ComfyUI and others read."""
    if tuned.settings.dora:
        raise CheckpointExportError("format: kohya's keys of a DoRA are not written; export it as lora or diffusers")
    named: dict[str, Tensor] = {}
    for part, ones in _matrices(tuned, backbone).items():
        for name, one in ones.items():
            layer, _, matrix = name.removesuffix(".weight").rpartition(".")
            key = backbone.kohya_name(part, layer)
            named[f"{key}.{KOHYAS[matrix]}.weight"] = one
            named[f"{key}.alpha"] = torch.tensor(float(tuned.settings.rank))
    save_file(named, out / KOHYA)
    _beside(tuned, backbone, out)


def _beside(tuned: Checkpoint, backbone: FineTunable, out: Path) -> None:
    if tuned.has_word:
        _embedding(tuned, backbone, out)


def _folder(tuned: Checkpoint, backbone: FineTunable, out: Path) -> None:
    """Write a diffusers folder: adapters merged, the learned token added to tokenizers and embedding tables."""
    profile, tokenizers = backbone.profile, dict(backbone.tokenizers)
    models = {**backbone.learnable, **{name: copy.deepcopy(backbone.learnable[name]) for name in tokenizers}}
    with ExitStack() as stack:
        for name, model in models.items():
            stack.enter_context(replaced_parameters(model, tuned.weights(name, model)))
        if tuned.has_word:
            for name in tokenizers:
                tokenizers[name] = with_token(tokenizers[name], tuned.settings.word)
                models[name].resize_token_embeddings(len(tokenizers[name]), mean_resizing=False)
                with torch.no_grad():
                    models[name].get_input_embeddings().weight[-1] = tuned.row(name)[0]
        backbone.save(out, tokenizers=tokenizers, text_encoders={name: models[name] for name in tokenizers})
    for more in ("tower", "controlnet-pose", "controlnet-depth"):
        if profile.folder(more).is_dir():
            shutil.copytree(profile.folder(more), out / more)
