"""Tensors of which each process holds a part, and how they are read and written whole; plain tensors pass through."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor


def is_divided(tensor: Any) -> bool:
    """Return whether other processes hold parts of the tensor (a `DTensor`)."""
    return hasattr(tensor, "full_tensor")


def local(tensor: Any) -> Tensor:
    """Return the part that this process holds, with the same memory."""
    return cast(Tensor, tensor.to_local() if is_divided(tensor) else tensor)


def whole(tensor: Any) -> Tensor:
    """Return the whole tensor. All processes have to call this, for one tensor after the other."""
    return cast(Tensor, tensor.full_tensor() if is_divided(tensor) else tensor)


def put(target: Any, value: Tensor) -> None:
    """Copy a whole tensor, which every process has, into a target of which each takes its part."""
    if is_divided(target):
        from torch.distributed.tensor import distribute_tensor  # loads slowly

        placed = value.to(target.device, target.dtype)
        value = distribute_tensor(placed, target.device_mesh, target.placements, src_data_rank=None)
    target.copy_(value)
