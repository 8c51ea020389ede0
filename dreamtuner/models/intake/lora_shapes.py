"""Finds LoRAs of another model by the shapes in their header: diffusers', PEFT's and kohya's key names alike."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.safetensors_header import TensorInfo, read_header
from dreamtuner.models.profiles import Profile

_DOWN = re.compile(r"(lora_A|lora_down|lora\.down|_lora\.down|hada_w1_b|lokr_w2)")
_MODELS = {768: "Stable Diffusion 1.x", 1024: "Stable Diffusion 2.x", 2048: "SDXL"}


def lora_problem(profile: Profile, name: str) -> str | None:
    """Return why a LoRA of the profile does not fit its model; None if nothing speaks against it.

    Compared is what every LoRA of cross-attention shows: the width of the text states that the U-Net reads.
    """
    file = profile.loras[name]
    if file.is_dir():
        file = next(iter(sorted(file.glob("*.safetensors"))), file / "pytorch_lora_weights.safetensors")
    if file.suffix != ".safetensors":
        return None
    try:
        header = read_header(file)
    except IntakeError as error:
        return f"loras.{name}: {error}"
    if not any(_DOWN.search(key) or "lora" in key for key in header):
        return f"loras.{name}: {file} has no LoRA weights; is it a model or an embedding?"
    theirs, ours = _text_width(header), _width_of(profile.folder("unet"))
    if theirs is None or ours is None or theirs == ours:
        return None
    return (
        f"loras.{name}: {file} is for {_model(theirs)}, this model is {_model(ours)}; use a LoRA that was trained on "
        "this kind of model"
    )


def _text_width(header: Mapping[str, TensorInfo]) -> int | None:
    """Return the width of the text states that the LoRA was trained with, from a down matrix: rank x width."""
    for key, one in header.items():
        if "attn2" in key and re.search(r"to_[kv]", key) and _DOWN.search(key) and len(one.shape) == 2:
            return one.shape[1]
    return None


def _width_of(unet: Path) -> int | None:
    try:
        config: dict[str, Any] = json.loads((unet / "config.json").read_text())
    except (OSError, ValueError):
        return None
    width = config.get("cross_attention_dim")
    return width if isinstance(width, int) else None


def _model(width: int) -> str:
    return f"{_MODELS[width]} (text states of {width})" if width in _MODELS else f"a model with text states of {width}"
