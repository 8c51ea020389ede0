"""LoRA by PEFT: inject adapters into the linear layers of a model, and remove them again.

alpha equals the rank, so an adapter's product is added unscaled and every format reads it alike.
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
    """Inject adapters, initialised to change nothing, into the linear layers with these name suffixes.

    Only the adapters require gradients. Their initial weights depend only on `seed`.
    """
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(targets), init_lora_weights=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model, adapter_name=_NAME)


def remove(model: Any) -> None:
    """Remove all adapters: every layer is the original module again."""
    for name, module in [(n, m) for n, m in model.named_modules() if isinstance(m, LoraLayer)]:
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, module.get_base_layer())


def adapters(model: Any, share: float = 1.0) -> dict[str, Tensor]:
    """Return the adapters' matrices by the names that diffusers and PEFT use: `LAYER.lora_A.weight` and `lora_B`.

    `share`: factor of their products, 0..1, applied to B.
    """
    marked = f".{_NAME}."
    found = {name.replace(marked, "."): p.detach() for name, p in model.named_parameters() if ".lora_" in name}
    return {name: share * one if name.endswith(".lora_B.weight") else one for name, one in found.items()}


def scaled_adapters(model: Any, share: float) -> AbstractContextManager[None]:
    """Scale the adapters' products by `share` inside the context; a model without adapters is unchanged."""
    adapted = any(isinstance(module, LoraLayer) for module in model.modules())
    return rescale_adapter_scale(model, share) if adapted else nullcontext()


def merged(model: Any, matrices: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of the adapted layers with the adapters merged, by name; the model is unchanged.

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
