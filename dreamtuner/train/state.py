"""The state of a training on disk: weights, averages, optimizer and step in one safetensors file, no pickle."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from dreamtuner.train.divided_tensor import put
from dreamtuner.train.optimizers import moments_of, name_of, restore_moments
from dreamtuner.train.tensor_file import help_to_write, write_tensors

FILE = "state.safetensors"


class StateError(ValueError):
    """The state on disk belongs to another model or is damaged; the message says what to do."""


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the trainable parameters, by name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


@dataclass
class TrainState:
    """What must survive a kill beside weights and the optimizer's state: the next step and the averaged weights.

    `ema`: empty if weights are not averaged.
    """

    step: int
    ema: dict[str, Tensor]


def save_state(
    folder: Path, state: TrainState, module: nn.Module, optimizer: Optimizer, *, writes: bool = True
) -> None:
    """Write the state atomically: a kill leaves the old file or the new one, never half of one.

    One tensor at a time is copied to main memory. Where weights are divided among processes, all of them call this, and
    the first, which `writes`, gathers a tensor at a time.
    """
    if not writes:
        help_to_write(_tensors(state, module, optimizer))
        return
    partial = folder / f".{FILE}.{os.getpid()}"
    metadata = {"step": str(state.step), "optimizer": name_of(optimizer)}
    try:
        write_tensors(partial, _tensors(state, module, optimizer), metadata)
        partial.rename(folder / FILE)
    finally:
        partial.unlink(missing_ok=True)


def state_bytes(state: TrainState, module: nn.Module, optimizer: Optimizer) -> int:
    """Return how many bytes `save_state` would write now, without the file's header."""
    return sum(one.nbytes for one in _tensors(state, module, optimizer).values())


def _tensors(state: TrainState, module: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, p in trainable(module).items():
        tensors[f"weights/{name}"] = p.detach()
        if state.ema:
            tensors[f"ema/{name}"] = state.ema[name]
        tensors |= {f"{field}/{name}": one for field, one in moments_of(optimizer, p).items()}
    return tensors | {f"buffer/{name}": buffer for name, buffer in module.named_buffers()}


def load_state(folder: Path, module: nn.Module, optimizer: Optimizer, *, averaged: bool = True) -> TrainState:
    """Restore ``module`` and ``optimizer`` from the state in ``folder``; return a fresh state if it has none.

    `averaged`: whether the training averages its weights.

    Raises:
        StateError: the file is damaged, or belongs to a module with other parameters or another optimizer.
    """
    parameters = trainable(module)
    path = folder / FILE
    if not path.exists():
        return TrainState(0, {name: p.detach().clone() for name, p in parameters.items()} if averaged else {})
    with safe_open(path, framework="pt") as file:
        metadata, keys = file.metadata(), set(file.keys())
        held = {k.removeprefix("weights/") for k in keys if k.startswith("weights/")}
        if held != set(parameters):
            raise StateError(f"{path} was written by another model; train into an empty folder or delete it")
        written = metadata.get("optimizer", "adamw")  # states of earlier versions do not say it
        if written != name_of(optimizer):
            raise StateError(
                f"{path} was written with optimizer {written}, not {name_of(optimizer)}; resume with that one, "
                "or delete the file"
            )
        step = int(metadata["step"])
        ema = {}
        with torch.no_grad():
            for name, p in parameters.items():
                put(p, file.get_tensor(f"weights/{name}"))
                if averaged:  # a state without averages is of a training whose average is its last weights
                    ema[name] = torch.empty_like(p.detach())
                    put(ema[name], file.get_tensor(f"{'ema' if f'ema/{name}' in keys else 'weights'}/{name}"))
                saved = {key.partition("/")[0] for key in keys if key.endswith(f"/{name}")} - {"weights", "ema"}
                restore_moments(optimizer, p, step, {field: file.get_tensor(f"{field}/{name}") for field in saved})
            for name, buffer in module.named_buffers():
                buffer.copy_(file.get_tensor(f"buffer/{name}"))
    return TrainState(step, ema)


def saved_step(folder: Path) -> int:
    """Return the step from which the state in ``folder`` resumes; 0 if it has none, or none that is readable."""
    try:
        with safe_open(folder / FILE, framework="pt") as file:
            return int(file.metadata()["step"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return 0


def load_ema(folder: Path, module: nn.Module) -> int:
    """Load the averaged weights of ``folder``, or its last ones if it has none, into ``module``. Returns their step."""
    with safe_open(folder / FILE, framework="pt") as file, torch.no_grad():
        keys = set(file.keys())
        for name, p in trainable(module).items():
            p.copy_(file.get_tensor(f"{'ema' if f'ema/{name}' in keys else 'weights'}/{name}"))
        for name, buffer in module.named_buffers():
            buffer.copy_(file.get_tensor(f"buffer/{name}"))
        return int(file.metadata()["step"])
