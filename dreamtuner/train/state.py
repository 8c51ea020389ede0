"""The state of a training on disk: weights, averaged weights, optimizer and step in one safetensors file, no pickle."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

FILE = "state.safetensors"


class StateError(ValueError):
    """The state on disk belongs to another model or is damaged; the message says what to do."""


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the trainable parameters, by name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


@dataclass
class TrainState:
    """What must survive a kill: the next step and the averaged weights (weights and AdamW's moments are saved too)."""

    step: int
    ema: dict[str, Tensor]


def save_state(folder: Path, state: TrainState, module: nn.Module, optimizer: torch.optim.AdamW) -> None:
    """Write the state atomically: a kill leaves the old file or the new one, never half of one."""
    tensors: dict[str, Tensor] = {}
    for name, p in trainable(module).items():
        tensors[f"weights/{name}"] = p.detach()
        tensors[f"ema/{name}"] = state.ema[name]
        moments = optimizer.state.get(p)
        if moments:
            tensors[f"m/{name}"], tensors[f"v/{name}"] = moments["exp_avg"], moments["exp_avg_sq"]
    for name, buffer in module.named_buffers():
        tensors[f"buffer/{name}"] = buffer
    partial = folder / f".{FILE}.{os.getpid()}"
    save_file(
        {k: t.cpu().contiguous().clone() for k, t in tensors.items()}, partial, metadata={"step": str(state.step)}
    )
    with partial.open("rb") as handle:
        os.fsync(handle.fileno())
    partial.rename(folder / FILE)


def load_state(folder: Path, module: nn.Module, optimizer: torch.optim.AdamW) -> TrainState:
    """Restore ``module`` and ``optimizer`` from the state in ``folder``; return a fresh state if it has none.

    Raises:
        StateError: the file is damaged, or belongs to a module with other parameters.
    """
    parameters = trainable(module)
    path = folder / FILE
    if not path.exists():
        return TrainState(0, {name: p.detach().clone() for name, p in parameters.items()})
    with safe_open(path, framework="pt") as file:
        metadata, keys = file.metadata(), set(file.keys())
        held = {k.removeprefix("weights/") for k in keys if k.startswith("weights/")}
        if held != set(parameters):
            raise StateError(f"{path} was written by another model; train into an empty folder or delete it")
        step = int(metadata["step"])
        ema = {}
        with torch.no_grad():
            for name, p in parameters.items():
                p.copy_(file.get_tensor(f"weights/{name}"))
                ema[name] = file.get_tensor(f"ema/{name}").to(p.device)
                if f"m/{name}" in keys:
                    optimizer.state[p] = {
                        "step": torch.tensor(float(step)),
                        # laid out as the parameter is: the fused optimizer walks both by memory, not by index
                        "exp_avg": torch.empty_like(p).copy_(file.get_tensor(f"m/{name}")),
                        "exp_avg_sq": torch.empty_like(p).copy_(file.get_tensor(f"v/{name}")),
                    }
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
    """Load the averaged weights of ``folder`` into ``module``. Returns the step that they come from."""
    with safe_open(folder / FILE, framework="pt") as file, torch.no_grad():
        for name, p in trainable(module).items():
            p.copy_(file.get_tensor(f"ema/{name}"))
        for name, buffer in module.named_buffers():
            buffer.copy_(file.get_tensor(f"buffer/{name}"))
        return int(file.metadata()["step"])
