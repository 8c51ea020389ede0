"""The denoising loss of all diffusion trainings, for models that predict noise or velocity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dreamtuner.families.denoiser import Predict

MIN_SNR = 5.0
FLOOR = 0.8


@dataclass(frozen=True, eq=False)
class Drawn:
    """Noise levels and noise of a batch: `t` B, whole timesteps; `noise` B N, of which a row takes what it needs."""

    t: Tensor
    noise: Tensor

    @classmethod
    def of(cls, batch: int, steps: int, numbers: int, generator: torch.Generator) -> Drawn:
        """Draw levels of 0 .. `steps` - 1, stratified over the batch, and `numbers` of noise for each row."""
        t = ((torch.arange(batch) + torch.rand(batch, generator=generator)) * (steps / batch)).long()
        return cls(t.clamp(0, steps - 1), torch.randn((batch, numbers), generator=generator))

    def rows(self, places: Tensor) -> Drawn:
        """Return those of the rows at these places."""
        return Drawn(self.t[places], self.noise[places])


def diffusion_loss(
    predict: Predict,
    x0: Tensor,
    scheduler: Any,
    generator: torch.Generator | None = None,
    *,
    drawn: Drawn | None = None,
    floor: float = 0.0,
    emphasis: Tensor | None = None,
    lead: Tensor | None = None,
    gamma: float | None = MIN_SNR,
    row_weights: Tensor | None = None,
) -> tuple[Tensor, float]:
    """Compute the loss of one batch at random noise levels, and its unweighted mean squared error.

    ``scheduler`` is a diffusers scheduler of 1000 training steps that predicts ``epsilon`` or ``v_prediction``; the
    weight is min-SNR's (Hang et al. 2023) of this ``gamma``, or 1 if that is None, and at an SNR below 1 at least
    ``floor``, because class, colours and layout are decided at high noise. ``emphasis`` (B, 1, H, W) weights the
    positions of an image, ``row_weights`` (B) the images; ``lead`` (B, 1, H, W), whole timesteps, is how much less
    noisy positions are than the level passed to the model. Noise and levels come from ``generator``, levels stratified
    over the batch, unless they were ``drawn`` before.

    Raises:
        ValueError: the scheduler has another prediction type, or neither generator nor draws are given.
    """
    kind = scheduler.config.prediction_type
    if kind not in ("epsilon", "v_prediction"):
        raise ValueError(f"scheduler: prediction_type {kind!r} cannot be trained; epsilon and v_prediction can")
    x0 = x0.contiguous(memory_format=torch.channels_last)
    if drawn is None:
        if generator is None:
            raise ValueError("diffusion_loss: give a generator, or what was drawn")
        drawn = Drawn.of(len(x0), len(scheduler.alphas_cumprod), x0[0].numel(), generator)
    t = drawn.t.to(x0.device)
    noise = drawn.noise[:, : x0[0].numel()].reshape(x0.shape).to(x0.device)
    levels = t.view(-1, 1, 1, 1) if lead is None else (t.view(-1, 1, 1, 1) - lead.to(x0.device)).clamp_min(0)
    a = scheduler.alphas_cumprod.to(x0.device)[levels]
    x_t = a.sqrt() * x0 + (1 - a).sqrt() * noise
    snr = a / (1 - a).clamp_min(1e-8)
    target = noise if kind == "epsilon" else a.sqrt() * noise - (1 - a).sqrt() * x0
    if gamma is None:
        weight = torch.ones_like(snr)
    else:
        weight = snr.clamp_max(gamma) / (snr.clamp_min(1e-8) if kind == "epsilon" else snr + 1)
    prediction = predict(x_t.contiguous(memory_format=torch.channels_last), t)
    error = (prediction - target).square()
    plain = float(error.detach().mean())
    if emphasis is not None:
        error = error * (emphasis / emphasis.mean())
    weight = torch.where(snr < 1, weight.clamp_min(floor), weight)
    if row_weights is not None:
        weight = weight * row_weights.to(weight).view(-1, 1, 1, 1)
    return (weight * error).mean(), plain
