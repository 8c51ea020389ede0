"""LoRA files of every format that diffusers reads, as factors by layer, and a model's weights with them merged in."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders import StableDiffusionLoraLoaderMixin
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

_UNET = "unet"


@dataclass(frozen=True, eq=False)
class Factors:
    """One layer's update: scale * up @ down, with down R I (h w) and up O R (1 1); scale is alpha / rank."""

    down: Tensor
    up: Tensor
    scale: float

    def product(self, weight: float) -> Tensor:
        """Return the update times `weight`, O x I (h w), float32."""
        return self.up.flatten(1).float() @ self.down.flatten(1).float() * (self.scale * weight)


Layers = Mapping[str, Mapping[str, Factors]]
"""Factors by the model ("unet", "text_encoder", "text_encoder_2") and its layer."""


@torch.inference_mode(False)
@torch.no_grad()
def read_lora(file: Path, models: Mapping[str, Any]) -> Layers:
    """Read a LoRA file for these models, by name; the models are unchanged.

    diffusers and PEFT convert its keys and read its ranks and alphas: they load it into copies of the models' modules
    that share their weights.

    Raises:
        ValueError: it has layers that the models lack, or of other shapes, or is a DoRA, which is no sum of updates.
    """
    mixin = StableDiffusionLoraLoaderMixin
    state, alphas, metadata = mixin.lora_state_dict(
        str(file.parent),
        weight_name=file.name,
        local_files_only=True,
        use_safetensors=True,
        unet_config=models[_UNET].config,
        return_lora_metadata=True,
    )
    if any("lora_magnitude_vector" in key for key in state):
        raise ValueError(f"{file.name} is a DoRA, whose magnitudes are not supported; give a LoRA without them")
    parts = [name for name in models if any(key.startswith(f"{name}.") for key in state)]
    found: dict[str, dict[str, Factors]] = {}
    for name in parts:
        model = _same_weights(models[name])
        given = {"network_alphas": alphas, "metadata": metadata, "adapter_name": "read", "low_cpu_mem_usage": False}
        try:
            if name == _UNET:
                mixin.load_lora_into_unet(state, unet=model, **given)
            else:
                mixin.load_lora_into_text_encoder(state, text_encoder=model, prefix=name, **given)
        except (RuntimeError, KeyError) as error:
            raise ValueError(f"{file.name} is a LoRA of another model: {error}") from error
        found[name] = {layer: _factors(one) for layer, one in model.named_modules() if isinstance(one, LoraLayer)}
    read = sum(len(layers) for layers in found.values())
    stated = sum(key.endswith((".lora_B.weight", ".lora.up.weight", ".lora_up.weight", ".up.weight")) for key in state)
    if not read or read != stated:
        raise ValueError(f"{file.name} is a LoRA of another model: of its {stated} layers, {read} are in this one")
    return found


def _same_weights(model: Any) -> Any:
    """Return a copy of the model's modules that share its parameters and buffers."""
    shared = {id(one): one for one in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, shared)


def _factors(layer: Any) -> Factors:
    down, up = (side["read"].weight.detach() for side in (layer.lora_A, layer.lora_B))
    return Factors(down, up, float(layer.scaling["read"]))


@torch.inference_mode(False)
@torch.no_grad()
def merged_weights(model: nn.Module, stack: Sequence[tuple[Mapping[str, Factors], float]]) -> dict[str, Tensor]:
    """Return the weights of the layers that a stack of LoRAs, each with its weight, changes, by parameter."""
    sums: dict[str, Tensor] = {}
    for factors, weight in stack:
        for layer, one in factors.items():
            name = f"{layer}.weight"
            before = sums[name] if name in sums else model.get_parameter(name).detach().float()
            sums[name] = before + one.product(weight).to(before.device).reshape(before.shape)
    return {name: one.to(model.get_parameter(name).dtype) for name, one in sums.items()}
