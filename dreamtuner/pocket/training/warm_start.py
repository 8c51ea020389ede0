"""Beginning a training from finished weights instead of random ones, also where the new model has layers more."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from dreamtuner.families.unet.deepen import begin_as_identity


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
    begin_as_identity(module, old)


def _grown(name: str, new: Tensor, old: Tensor) -> bool:
    return GROWS.fullmatch(name) is not None and len(new) > len(old) and new.shape[1:] == old.shape[1:]
