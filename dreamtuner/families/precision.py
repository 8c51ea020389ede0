"""Resolves `Sampling.dtype` to the torch dtype that a model computes in on a device."""

import torch

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
