"""Initialises a training with finished weights, also if the new model has additional layers."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from dreamtuner.families.unet.deepen import begin_as_identity


class StartError(ValueError):
    """The weights to start from do not fit the model; the message names the first tensor that differs."""


GROWS = re.compile(r"(.+\.)?token_embedding\.weight|out\.(weight|bias)")
"""Names of tensors that may have more rows than before: one per word, or per value that the oracle classifies."""


def start_from(module: nn.Module, found: nn.Module, folder: Path) -> None:
    """Copy the parameters of ``found``, loaded from ``folder``, into ``module``, a model of the same kind.

    Layers that ``found`` lacks are initialised as the identity (their last projection is zero), so that a deeper model
    initially computes the same as a shallower one. With a larger vocabulary, the first rows are those of ``found`` and
    the others stay unchanged.

    Raises:
        StartError: ``found`` has parameters that ``module`` lacks, or whose shape differs.
    """
    state, old = module.state_dict(), found.state_dict()
    for name, value in list(old.items()):
        if name in state and _grown(name, state[name], value):
            old[name] = torch.cat([value, state[name][len(value) :].to(value)])
        elif name not in state or state[name].shape != value.shape:
            here = tuple(state[name].shape) if name in state else "none"
            raise StartError(f"{folder}: {name} is {tuple(value.shape)} there and {here} in the model to be trained")
    module.load_state_dict({**state, **old})
    begin_as_identity(module, old)


def _grown(name: str, new: Tensor, old: Tensor) -> bool:
    return GROWS.fullmatch(name) is not None and len(new) > len(old) and new.shape[1:] == old.shape[1:]
