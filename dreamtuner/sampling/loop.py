"""The denoising loop as a plain function, and the seeded random numbers that it and the reference pass use."""

import inspect
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import torch
from torch import Tensor

Predict = Callable[[Tensor, Tensor, int], Tensor]
"""(x_t scaled for the model: N C H W, timestep: scalar tensor, step: 0..steps-1) -> guided prediction: N C H W."""

OnStep = Callable[[int, Tensor], Tensor | None]
"""(step: 0..steps-1, x after it: N C H W) -> the x to go on from, or None: the same."""


def seeded(*parts: object) -> torch.Generator:
    """Return a CPU generator seeded by these parts, such as (reference digest, "noise", step).

    Random draws for a subject depend only on the subject and the step, never on the cell or on earlier draws. So a cell
    generated alone equals the same cell in its grid, and one reference pass serves all cells.
    """
    key = sha256("/".join(map(str, parts)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(key[:8], "big") >> 1)


def step_lambda(digest: str, step: int) -> float:
    """Sample lambda ~ U(0, 1) of Eq. 6, in [0, 1), for all cells of the subject with this digest."""
    return float(torch.rand((), generator=seeded(digest, "lambda", step)))


def cell_noise(generators: Sequence[torch.Generator], shape: tuple[int, int, int]) -> Tensor:
    """Sample standard normal noise, N C H W float32 on the CPU, row n from generator n alone. shape: C H W."""
    return torch.cat([torch.randn((1, *shape), generator=generator) for generator in generators])


class Schedule(NamedTuple):
    """Timesteps or sigmas that replace the scheduler's own, in descending order; both None: its own."""

    timesteps: Sequence[int] | None = None
    sigmas: Sequence[float] | None = None


OWN_SCHEDULE = Schedule()


def fresh_scheduler(
    scheduler: Any, steps: int, device: torch.device | str = "cpu", schedule: Schedule = OWN_SCHEDULE
) -> Any:
    """Return a copy of a diffusers scheduler with `steps` set. Schedulers are stateful, so none is shared.

    `schedule`: replaces its own. Raises ValueError if it takes no such values.

    It begins at the first noise level: by itself it would look up the first timestep, and skip a level where several
    round to that, as Karras' do at zero terminal SNR.
    """
    fresh = type(scheduler).from_config(scheduler.config)
    stated = {name: list(values) for name, values in schedule._asdict().items() if values is not None}
    taken = inspect.signature(fresh.set_timesteps).parameters
    for name in stated:
        if name not in taken:
            raise ValueError(f"{name}: {type(fresh).__name__} takes none; leave it out, or set another scheduler")
    if len(stated) > 1:
        raise ValueError("timesteps, sigmas: give one of the two")
    if stated:
        fresh.set_timesteps(device=device, **stated)
    else:
        fresh.set_timesteps(steps, device=device)
    if hasattr(fresh, "set_begin_index"):
        fresh.set_begin_index(0)
    return fresh


def denoise(
    predict: Predict,
    x: Tensor,
    scheduler: Any,
    *,
    generators: torch.Generator | Sequence[torch.Generator] | None,
    eta: float = 0.0,
    first: int = 0,
    on_step: OnStep | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Tensor:
    """Denoise x_T to x_0, both N C H W, calling `predict` once or more per step.

    Args:
        predict: see `Predict`.
        x: noise times the scheduler's init_noise_sigma.
        scheduler: a fresh one with its timesteps set.
        generators: for schedulers that add noise in their steps (DDIM does not): one per row, one for all, or None for
            torch's default generator.
        eta: for schedulers whose steps take it, 0..1; others ignore it.
        first: the first of the scheduler's timesteps to take; x is noised to it.
        on_step: called as on_step(step, x) after each step, step in 0..steps-1.
        stopped: called before each step; if it returns True, the x reached so far is returned.
    """
    taken = inspect.signature(scheduler.step).parameters
    one = generators is None or isinstance(generators, torch.Generator)
    given = {"generator": generators if one else list(generators), "eta": eta}  # type: ignore[arg-type]
    extra = {name: value for name, value in given.items() if name in taken}
    for step, t in enumerate(scheduler.timesteps[first:], first):
        if stopped is not None and stopped():
            break
        prediction = predict(scheduler.scale_model_input(x, t), t, step)
        x = scheduler.step(prediction, t, x, return_dict=False, **extra)[0]
        changed = None if on_step is None else on_step(step, x)
        x = x if changed is None else changed
    return x
