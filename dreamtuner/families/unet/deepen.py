"""Initialises layers that a deeper model adds to a shallower one as the identity, so that both compute the same."""

from collections.abc import Collection

import torch
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import Tensor, nn


def begin_as_identity(module: nn.Module, known: Collection[str]) -> None:
    """Initialise residual and transformer blocks whose tensors are not in `known` (names) as the identity."""
    for name, part in module.named_modules():
        if f"{name}.norm1.weight" not in known and isinstance(part, ResnetBlock2D):
            _as_identity(part)
        if f"{name}.norm.weight" not in known and isinstance(part, Transformer2DModel):
            _zero(part.proj_out)


def _zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


@torch.no_grad()
def _as_identity(block: ResnetBlock2D) -> None:
    """Make the block return its first input channels: those from below, not the concatenated skip connection."""
    _zero(block.conv2)
    if block.conv_shortcut is not None:
        weight: Tensor = block.conv_shortcut.weight
        _zero(block.conv_shortcut)
        weight[:, :, 0, 0].fill_diagonal_(1.0)
