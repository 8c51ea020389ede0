"""LoRA by PEFT: adapters into the linear layers of a model, and out of it again.

alpha is the rank, so an adapter's product is added as it is and every format reads it alike.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.helpers import rescale_adapter_scale
from peft.tuners.lora import LoraLayer
from torch import Tensor

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


def adapters(model: Any, share: float = 1.0) -> dict[str, Tensor]:
    """The adapters' matrices by the names that diffusers and PEFT save them under: `LAYER.lora_A.weight` and B.

    `share` of their products, which B takes.
    """
    marked = f".{_NAME}."
    found = {name.replace(marked, "."): p.detach() for name, p in model.named_parameters() if ".lora_" in name}
    return {name: share * one if name.endswith(".lora_B.weight") else one for name, one in found.items()}


def scaled_adapters(model: Any, share: float) -> AbstractContextManager[None]:
    """Inside, adapters add this share of their products; a model without adapters is as it was."""
    adapted = any(isinstance(module, LoraLayer) for module in model.modules())
    return rescale_adapter_scale(model, share) if adapted else nullcontext()


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
