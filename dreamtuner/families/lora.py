"""LoRA and DoRA by PEFT: inject adapters into the linear layers of a model, and remove them again.

What is read of adapters is scaled already: a product B A is added as it is, so that every format reads it alike.
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
_MAGNITUDE = ".lora_magnitude_vector"


def inject(
    model: Any, targets: tuple[str, ...], rank: int, *, seed: int, alpha: float | None = None, dora: bool = False
) -> None:
    """Inject adapters, initialised to change nothing, into the linear layers with these name suffixes.

    Their products are scaled by `alpha` / `rank`, by default 1; `dora`: each layer's rows get trainable magnitudes
    (arXiv 2402.09353). Only the adapters require gradients. Their initial weights depend only on `seed`.
    """
    config = LoraConfig(
        r=rank,
        lora_alpha=rank if alpha is None else alpha,  # type: ignore[arg-type]  # PEFT takes any number
        target_modules=list(targets),
        init_lora_weights=True,
        use_dora=dora,
    )
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

    B is multiplied by alpha / rank. `share`: a further factor of it, 0..1. DoRA adds `LAYER.lora_magnitude_vector`.
    """
    found: dict[str, Tensor] = {}
    layers: dict[str, Any] = {name: one for name, one in model.named_modules() if isinstance(one, LoraLayer)}
    for name, layer in layers.items():
        scale = share * float(layer.scaling[_NAME])
        found[f"{name}.lora_A.weight"] = layer.lora_A[_NAME].weight.detach()
        found[f"{name}.lora_B.weight"] = scale * layer.lora_B[_NAME].weight.detach()
        if layer.use_dora[_NAME]:
            found[name + _MAGNITUDE] = layer.lora_magnitude_vector[_NAME].weight.detach()
    return found


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
            whole = weight.detach().float() + product
            if (magnitude := matrices.get(layer + _MAGNITUDE)) is not None:
                whole *= (magnitude.to(whole) / whole.norm(dim=1))[:, None]
            added[f"{layer}.weight"] = whole.to(weight.dtype)
    return added
