"""Beginning a training from finished weights instead of random ones, also where the new model has layers more."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import Tensor, nn


class StartError(ValueError):
    """The weights to start from do not fit the model; the message names the first tensor that differs."""


GROWS = re.compile(r"(.+\.)?token_embedding\.weight|out\.(weight|bias)")
"""Names of tensors that may have more rows than before: a row a word, or a choice that the oracle reads."""


def start_from(module: nn.Module, found: nn.Module, folder: Path) -> None:
    """Copy the parameters of ``found``, which ``folder`` held, into ``module``, a model of the same kind.

    Layers that ``found`` lacks begin as the identity (their last projection is zero), so ``module`` computes at first
    what ``found`` does: a deeper model goes on from a shallower one. A larger vocabulary goes on from a smaller one:
    its first rows are those of ``found``, the others stay as they are.

    Raises:
        StartError: ``found`` has parameters that ``module`` lacks, or of another shape.
    """
    state, old = module.state_dict(), found.state_dict()
    for name, value in list(old.items()):
        if name in state and _grown(name, state[name], value):
            old[name] = torch.cat([value, state[name][len(value) :].to(value)])
        elif name not in state or state[name].shape != value.shape:
            here = tuple(state[name].shape) if name in state else "none"
            raise StartError(f"{folder}: {name} is {tuple(value.shape)} there and {here} in the model to be trained")
    module.load_state_dict({**state, **old})
    for name, part in module.named_modules():
        if f"{name}.norm1.weight" not in old and isinstance(part, ResnetBlock2D):
            _as_identity(part)
        if f"{name}.norm.weight" not in old and isinstance(part, Transformer2DModel):
            _zero(part.proj_out)


def _grown(name: str, new: Tensor, old: Tensor) -> bool:
    return GROWS.fullmatch(name) is not None and len(new) > len(old) and new.shape[1:] == old.shape[1:]


def _zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


@torch.no_grad()
def _as_identity(block: ResnetBlock2D) -> None:
    """The block hands on its first channels: what came from below, not what was concatenated to it."""
    _zero(block.conv2)
    if block.conv_shortcut is not None:
        weight: Tensor = block.conv_shortcut.weight
        _zero(block.conv_shortcut)
        weight[:, :, 0, 0].fill_diagonal_(1.0)
