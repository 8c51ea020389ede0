"""Files of random LoRAs and embeddings for a model, in the keys of diffusers, kohya and A1111."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

ATTENTION = r"(attn[12]\.to_(q|k|v|out\.0)|self_attn\.(q|k|v|out)_proj)\.weight$"
CONVOLUTIONS = r"(conv1|conv_shortcut|conv|proj_in|ff\.net\.2)\.weight$"
RANK, ALPHA = 4, 2.0


def _factors(models: Mapping[str, Any], pattern: str, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Down and up matrices by part and layer, of the layers whose weights' names match."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 0.2

    found = {}
    for part, model in models.items():
        for name, weight in model.named_parameters():
            if re.search(pattern, name):
                head = "" if part == "unet" or name.startswith("text_model.") else "text_model."
                ones = (1,) * (weight.ndim - 2)
                layer = f"{part}.{head}{name.removesuffix('.weight')}"
                found[layer] = random(RANK, *weight.shape[1:]), random(weight.shape[0], RANK, *ones)
    return found


def diffusers_lora(file: Path, models: Mapping[str, Any], *, seed: int = 1) -> Path:
    """Write a LoRA of attention layers in PEFT's keys."""
    state = {}
    for layer, (down, up) in _factors(models, ATTENTION, seed).items():
        state |= {f"{layer}.lora_A.weight": down, f"{layer}.lora_B.weight": up}
    save_file(state, file)
    return file


def kohya_lora(file: Path, models: Mapping[str, Any], *, seed: int = 2, heads: Mapping[str, str] | None = None) -> Path:
    """Write a LoCon in kohya's keys: half precision, alpha is not the rank, and convolutions of the U-Net."""
    names = heads or {"unet": "lora_unet", "text_encoder": "lora_te"}
    found = _factors(models, ATTENTION, seed) | _factors({"unet": models["unet"]}, CONVOLUTIONS, seed + 1)
    state = {}
    for layer, (down, up) in found.items():
        part, _, name = layer.partition(".")
        key = f"{names[part]}_{name.replace('.', '_')}"
        state |= {f"{key}.lora_down.weight": down.half(), f"{key}.lora_up.weight": up.half()}
        state[f"{key}.alpha"] = torch.tensor(ALPHA).half()
    save_file(state, file, metadata={"ss_network_dim": str(RANK)})
    return file


def vectors(count: int, width: int, *, seed: int = 3) -> Tensor:
    """Random vectors of an embedding, N D."""
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
