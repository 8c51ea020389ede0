"""LoRA by PEFT: adapters into the attention of a U-Net or text encoder, and out of it again.

alpha is the rank, so an adapter's product is added as it is and every format reads it alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor

UNET = ("to_q", "to_k", "to_v", "to_out.0")
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj")
_NAME = "default"


def inject(model: Any, targets: tuple[str, ...], rank: int, *, seed: int) -> None:
    """Put adapters that change nothing yet beside the linear layers whose names end so; they alone require gradients.

    Their first weights hang on `seed` alone.
    """
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(targets), init_lora_weights=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model, adapter_name=_NAME)


def remove(model: Any) -> None:
    """Take all adapters out: every layer is the very module that it was."""
    for name, module in [(n, m) for n, m in model.named_modules() if isinstance(m, LoraLayer)]:
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, module.get_base_layer())


def adapters(model: Any) -> dict[str, Tensor]:
    """The adapters' matrices by the names that diffusers and PEFT save them under: `LAYER.lora_A.weight` and B."""
    marked = f".{_NAME}."
    return {name.replace(marked, "."): p.detach() for name, p in model.named_parameters() if ".lora_" in name}


def weaker(matrices: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """The same adapters with this share of their products."""
    return {name: share * one if name.endswith(".lora_B.weight") else one for name, one in matrices.items()}


@contextmanager
def at_share(model: Any, share: float) -> Iterator[None]:
    """Inside, the model's adapters add this share of their products."""
    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    for layer in layers:
        layer.scale_layer(share)
    try:
        yield
    finally:
        for layer in layers:
            layer.unscale_layer()


def merged(model: Any, matrices: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the adapted layers with the products of their matrices added, by name; the model stays.

    Raises:
        KeyError: the model has no such layer.
    """
    weights = dict(model.named_parameters())
    added: dict[str, Tensor] = {}
    for name, a in matrices.items():
        if name.endswith(".lora_A.weight"):
            layer = name.removesuffix(".lora_A.weight")
            weight, b = weights[f"{layer}.weight"], matrices[f"{layer}.lora_B.weight"]
            product = b.to(weight.device, torch.float32) @ a.to(weight.device, torch.float32)
            added[f"{layer}.weight"] = (weight.detach().float() + product).to(weight.dtype)
    return added
