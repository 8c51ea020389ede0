"""Resolves `Sampling.dtype` to the torch dtype that a model computes in, and holds frozen parameters in another."""

from collections.abc import Iterable

import torch
from torch import nn

from dreamtuner.settings.sampling import Dtype


def torch_dtype(dtype: Dtype, device: str | torch.device) -> torch.dtype:
    """Return the torch dtype of this name; "auto" is the fastest that the device has units for.

    On CUDA that is bfloat16, or float16 before compute capability 8.0; on Apple's GPUs float16; on a CPU with bfloat16
    units (AMX, AVX-512 BF16) bfloat16; else float32.
    """
    return _fastest(torch.device(device).type) if dtype == "auto" else getattr(torch, dtype)


def _fastest(device: str) -> torch.dtype:
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device == "mps":
        return torch.float16
    has = torch.cpu.get_capabilities() if device == "cpu" else {}
    return torch.bfloat16 if has.get("amx_bf16") or has.get("avx512_bf16") else torch.float32


def hold_frozen_in(dtype: torch.dtype, models: Iterable[nn.Module]) -> None:
    """Convert the parameters that are not trained to `dtype`, and those that are to float32, as optimizers need them.

    A step of an optimizer is often smaller than half the distance of two numbers in bfloat16, and would be lost.
    """
    for model in models:
        for p in model.parameters():
            if p.is_floating_point():
                p.data = p.data.to(torch.float32 if p.requires_grad else dtype)
