"""Builds the optimizer that settings name, and exchanges its state by parameter: AdamW of three sizes, or Adafactor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dreamtuner.train.adamw16bit import AdamW16bit
from dreamtuner.train.divided_tensor import put
from dreamtuner.train.settings import LoopSettings

_SHORT = {"exp_avg": "m", "exp_avg_sq": "v"}
"""Fields of AdamW's state, whatever its bits -> what files of states have called them since the first version."""


def optimizer_of(settings: LoopSettings, groups: list[dict[str, Any]]) -> Optimizer:
    """Build the optimizer for groups of parameters.

    Adafactor (Shazeer & Stern 2018) factors the second moment, has no first one, and here takes the learning rate as it
    is, so that rates mean what they mean to AdamW. 8-bit AdamW (Dettmers et al. 2022) quantises both moments in blocks;
    16-bit AdamW holds them in bfloat16.

    Raises:
        ModuleNotFoundError: 8-bit AdamW without bitsandbytes.
    """
    given: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    if settings.optimizer == "adafactor":
        from transformers.optimization import Adafactor

        return Adafactor(groups, scale_parameter=False, relative_step=False, **given)
    if settings.optimizer == "adamw16bit":
        return AdamW16bit(groups, betas=settings.betas, **given)
    if settings.optimizer == "adamw8bit":
        from importlib import import_module  # an optional library

        eight_bit: Optimizer = import_module("bitsandbytes.optim").AdamW8bit(groups, betas=settings.betas, **given)
        return eight_bit
    return torch.optim.AdamW(groups, betas=settings.betas, fused=True, **given)


def name_of(optimizer: Optimizer) -> str:
    """Return what settings call this optimizer."""
    return type(optimizer).__name__.lower()


def moments_of(optimizer: Optimizer, parameter: nn.Parameter) -> dict[str, Tensor]:
    """Return the tensors of the optimizer's state for a parameter, by the names that files use; empty before a step."""
    held = optimizer.state.get(parameter) or {}
    tensors = {field: one for field, one in held.items() if isinstance(one, Tensor) and field not in ("step", "RMS")}
    return {_SHORT.get(field, field): one for field, one in tensors.items()}


def restore_moments(optimizer: Optimizer, parameter: nn.Parameter, step: int, moments: Mapping[str, Tensor]) -> None:
    """Restore what `moments_of` returned after this step, on the parameter's device; nothing if it is empty."""
    if not moments:
        return
    long = {short: field for field, short in _SHORT.items()}
    held = {long.get(name, name): _placed(one, parameter) for name, one in moments.items()}
    count: Any = torch.tensor(float(step)) if isinstance(optimizer, torch.optim.AdamW) else step
    optimizer.state[parameter] = {"step": count, **held}


def _placed(moment: Tensor, parameter: nn.Parameter) -> Tensor:
    if moment.shape != parameter.shape:
        return moment.to(parameter.device)
    # laid out as the parameter is: the fused optimizer walks both by memory, not by index
    placed = torch.empty_like(parameter.detach(), dtype=moment.dtype)
    put(placed, moment)
    return placed
