"""Places a loaded model by the installation's settings: on a device, offloaded, compiled, with chosen attention."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol, Self, runtime_checkable

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from dreamtuner.families.backbone import Backbone
from dreamtuner.families.compiled import Compilable

Offload = Literal["none", "model", "group"]
HOME = torch.device("cpu")
"""Where offloaded weights are while they do not compute."""
Attention = Literal["auto", "flash", "efficient", "cudnn", "math"]
_KERNELS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}


@runtime_checkable
class Offloadable(Protocol):
    """A backbone whose weights need not all be on the device at once. It is loaded on the CPU."""

    def offloaded(self, mode: Offload, device: str) -> Self:
        """Return the backbone for computing on `device` with its weights in main memory. Called once per backbone."""
        ...


def placed(load: Callable[[str], Backbone], device: str, *, offload: Offload, compiled: bool) -> Backbone:
    """Load a backbone by `load(device)` for computing on `device`.

    Raises:
        ValueError: the model cannot be offloaded or compiled; the message names the setting.
    """
    backbone = load(device if offload == "none" else str(HOME))
    if offload != "none":
        if not isinstance(backbone, Offloadable):
            raise ValueError(f"DREAMTUNER_OFFLOAD: the model of {backbone.profile.name} cannot be offloaded; unset it")
        backbone = backbone.offloaded(offload, device)
    if compiled:
        if not isinstance(backbone, Compilable):
            raise ValueError(f"DREAMTUNER_COMPILE: the model of {backbone.profile.name} cannot be compiled; unset it")
        backbone.compile_blocks()
    return backbone


def attention_kernels(attention: Attention) -> AbstractContextManager[None]:
    """Prefer these kernels of scaled dot-product attention in calls inside; the others where they do not fit."""
    if attention == "auto":
        return nullcontext()
    first = _KERNELS[attention]
    others = [one for one in _KERNELS.values() if one != first]
    kernels: AbstractContextManager[None] = sdpa_kernel([first, *others], set_priority=True)
    return kernels
