"""The denoising loop as a plain function, and the seeded draws that it and the reference pass live on."""

import inspect
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor

Predict = Callable[[Tensor, Tensor, int], Tensor]
"""(x_t scaled for the model: N C H W, timestep: scalar tensor, step: 0..steps-1) -> guided prediction: N C H W."""

OnStep = Callable[[int, Tensor], Tensor | None]
"""(step: 0..steps-1, x after it: N C H W) -> the x to go on from, or None: the same."""


def seeded(*parts: object) -> torch.Generator:
    """A CPU generator of its own for these parts, such as (reference digest, "noise", step).

    Draws of a subject hang on subject and step alone, never on a cell or on what was drawn before, so that a cell alone
    equals the cell in its grid and one reference pass serves all.
    """
    key = sha256("/".join(map(str, parts)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(key[:8], "big") >> 1)


def step_lambda(digest: str, step: int) -> float:
    """lambda ~ U(0, 1) of Eq. 6, in [0, 1), for all cells of the subject with this digest."""
    return float(torch.rand((), generator=seeded(digest, "lambda", step)))


def cell_noise(generators: Sequence[torch.Generator], shape: tuple[int, int, int]) -> Tensor:
    """Standard normal noise, N C H W float32 on the CPU, row n from generator n alone. shape: C H W."""
    return torch.cat([torch.randn((1, *shape), generator=generator) for generator in generators])


def fresh_scheduler(scheduler: Any, steps: int, device: torch.device | str = "cpu") -> Any:
    """A copy of any diffusers scheduler with `steps` set. Schedulers keep state between steps, so none is shared."""
    fresh = type(scheduler).from_config(scheduler.config)
    fresh.set_timesteps(steps, device=device)
    return fresh


def denoise(
    predict: Predict,
    x: Tensor,
    scheduler: Any,
    *,
    generators: torch.Generator | Sequence[torch.Generator] | None,
    on_step: OnStep | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Tensor:
    """x_T -> x_0, both N C H W. `scheduler`: fresh, timesteps set. `x`: noise times the scheduler's init_noise_sigma.

    `generators`: for schedulers that draw noise in their steps (DDIM draws none): one a row, one for all, or None:
    torch's own. `on_step(step, x)` is called after each step, step in 0..steps-1. `stopped()` is asked before each
    step; where it is true, the x reached so far is the result.
    """
    draws = "generator" in inspect.signature(scheduler.step).parameters
    one = generators is None or isinstance(generators, torch.Generator)
    extra = {"generator": generators if one else list(generators)} if draws else {}  # type: ignore[arg-type]
    for step, t in enumerate(scheduler.timesteps):
        if stopped is not None and stopped():
            break
        prediction = predict(scheduler.scale_model_input(x, t), t, step)
        x = scheduler.step(prediction, t, x, return_dict=False, **extra)[0]
        changed = None if on_step is None else on_step(step, x)
        x = x if changed is None else changed
    return x
