"""Replaces parameters of a model inside a context and restores them bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor


@contextmanager
def replaced_parameters(model: Any, weights: Mapping[str, Tensor], *, what: str = "checkpoint") -> Iterator[None]:
    """Replace the values of these parameters inside the context; restore the original tensors on exit.

    `what`: what the weights are of, for errors.

    Raises:
        ValueError: the model has no such parameter, or one of another shape.
    """
    parameters = dict(model.named_parameters())
    for name, value in weights.items():
        if name not in parameters or parameters[name].shape != value.shape:
            raise ValueError(f"{what}: it has {name} of shape {tuple(value.shape)}, which belongs to another model")
    before = {name: parameters[name].data for name in weights}
    try:
        for name, value in weights.items():
            parameters[name].data = value.to(before[name].device, before[name].dtype)
        yield
    finally:
        for name, value in before.items():
            parameters[name].data = value.to(parameters[name].device)  # an offloaded model may have moved meanwhile
