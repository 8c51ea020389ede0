"""Compiles the repeated blocks of a denoiser by torch.compile: once each, however many there are and whatever the step.

A block has a graph for each kind of call: the first row of a reference pass, a piece of it, its rest, a step by Eq. 4,
one by Eq. 5, and each number of cells, at each level of the model. That is more than torch's default limit.
"""

from typing import Any, Protocol, runtime_checkable

import torch

GRAPHS = 64
"""Graphs of one block at most; beyond that it runs uncompiled."""


@runtime_checkable
class Compilable(Protocol):
    """A backbone whose denoiser can be compiled."""

    def compile_blocks(self) -> None:
        """Compile the repeated blocks of the denoiser in place; each is compiled when it is first called."""
        ...


def compile_blocks(model: Any, **options: Any) -> None:
    """Compile the repeated blocks of a diffusers model. `options`: of torch.compile."""
    torch._dynamo.config.recompile_limit = max(GRAPHS, torch._dynamo.config.recompile_limit)
    model.compile_repeated_blocks(**options)
