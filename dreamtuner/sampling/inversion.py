"""DDIM inversion: the path of latents from which deterministic sampling leads to a given image.

A DDIM step turns x_t by the angle between two noise levels (Salimans and Ho 2022):
x_s = cos(d) x_t - sin(d) v(x_t, t) with cos(phi_t)^2 = abar_t, d = phi_t - phi_s. So the step before x_s solves
    x_t = (x_s + sin(d) v(x_t, t)) / cos(d), or in terms of eps
    x_t = (cos(phi_t) x_s + sin(d) eps(x_t, t)) / cos(phi_s).
The usual inversion puts x_s for x_t on the right, once; each refinement puts in the x_t found so far, and where that
converges the inverse is exact. Nothing is divided by sqrt(abar_t), which is 0 where a chain ends in pure noise.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dreamtuner.families.denoiser import Predict


def invert(predict: Predict, x_0: Tensor, scheduler: Any, *, refinements: int) -> Tensor:
    """Invert x_0, 1 C H W, to the latents at each of the scheduler's timesteps, steps C H W, noisiest first.

    `scheduler`: fresh, timesteps set; its training schedule and kind of prediction count, whichever sampler it is.
    `refinements`: calls of the model a step, 1 = the usual inversion.

    Raises:
        ValueError: a prediction other than epsilon or v, or a single step down from pure noise.
    """
    kind, abar = scheduler.config.prediction_type, scheduler.alphas_cumprod.double()
    if kind not in ("epsilon", "v_prediction"):
        raise ValueError(f"scheduler: prediction_type {kind!r} cannot be inverted; use epsilon or v_prediction")
    timesteps = scheduler.timesteps.flip(0)
    levels = [float(getattr(scheduler, "final_alpha_cumprod", 1.0)), *(float(abar[int(t)]) for t in timesteps)]
    phi = torch.tensor(levels, dtype=torch.float64).clamp(0, 1).sqrt().acos()
    x, path = x_0, []
    for i, t in enumerate(timesteps):
        turn = phi[i + 1] - phi[i]
        if turn.cos() < 1e-6:
            raise ValueError("sampling.steps: one step down from pure noise cannot be inverted; take 2 or more")
        reached = x
        kept, left = (
            (1.0, float(turn.cos())) if kind == "v_prediction" else (float(phi[i + 1].cos()), float(phi[i].cos()))
        )
        for _ in range(refinements):
            x = (kept * reached + float(turn.sin()) * predict(x, t)) / left
        path.append(x)
    return torch.cat(path[::-1])
