"""Divides the trained weights of a stage among the processes (FSDP2): each holds a part of every weight.

The weights of one block at a time are gathered while it computes, forward and backward, and gradients are summed where
their part is held. So weights, gradients and optimizer state take the memory of one process divided by their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


def blocks_of(models: Iterable[Any]) -> list[nn.Module]:
    """Return the blocks of diffusers' and transformers' models whose weights are gathered together.

    Those are the smallest ones that the libraries themselves place on one device, without embeddings.
    """
    found: list[nn.Module] = []
    for model in models:
        names = set(getattr(model, "_no_split_modules", None) or ())
        candidates = [one for one in model.modules() if type(one).__name__ in names]
        found += [one for one in candidates if _trained(one) and not _holds(one, candidates)]
    return found


def _trained(module: nn.Module) -> bool:
    embeds = any(isinstance(one, nn.Embedding) for one in module.modules())
    return not embeds and any(p.requires_grad for p in module.parameters())


def _holds(module: nn.Module, others: Sequence[nn.Module]) -> bool:
    inside = {id(one) for one in module.modules()} - {id(module)}
    return any(id(one) in inside for one in others)


def divide(module: nn.Module, blocks: Sequence[nn.Module], world: int, device: torch.device) -> None:
    """Divide the trained parameters in place; those that no block holds are gathered during the whole step.

    Frozen parameters stay whole in every process.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (world,))
    frozen = set()
    for p in module.parameters():
        if p.requires_grad:
            p.data = p.data.contiguous()  # FSDP2 divides rows of memory
        else:
            frozen.add(p)
    for block in blocks:
        fully_shard(block, mesh=mesh, ignored_params=frozen)
    fully_shard(module, mesh=mesh, ignored_params=frozen)


@contextmanager
def gathered(module: Any) -> Iterator[None]:
    """Gather the parameters that no block holds inside the context, for what is computed outside a step."""
    if not hasattr(module, "unshard"):
        yield
        return
    module.unshard()
    try:
        yield
    finally:
        module.reshard()
