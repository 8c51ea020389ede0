"""The noise that models were trained on: the forward process to a timestep, also between two, and its timesteps.

Two kinds are known: discrete, variance-preserving noise (DDPM), whose timesteps are those of training, and noise by
sigma (EDM, arXiv 2206.00364), whose timesteps are c_noise = ln(sigma) / 4 (Table 1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from typing import Any

import torch
from torch import Tensor


def noised(x_0: Tensor, noise: Tensor, t: float, alphas_cumprod: Tensor) -> Tensor:
    """Compute x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise, each C H W.

    Between two timesteps the angle arccos(sqrt(abar)) is interpolated linearly.
    """
    low = int(t)
    abar = alphas_cumprod[low].double()
    if t > low:
        angle = alphas_cumprod[low : low + 2].double().clamp(0, 1).sqrt().acos()
        abar = torch.lerp(angle[0], angle[1], t - low).cos() ** 2
    return (abar.sqrt() * x_0 + (1 - abar).sqrt() * noise).to(x_0.dtype)


def noised_by_sigma(x_0: Tensor, noise: Tensor, t: float, sigma_data: float) -> Tensor:
    """Compute c_in (x_0 + sigma noise) at t = c_noise, each C H W: what an EDM model takes for its input."""
    sigma = exp(4 * t)
    scaled: Tensor = (x_0 + sigma * noise) / (sigma**2 + sigma_data**2) ** 0.5
    return scaled.to(x_0.dtype)


@dataclass(frozen=True)
class Chain:
    """The timesteps of a model as places 0..last of its training chain, in which dt and dt' count."""

    last: float

    def place(self, t: float) -> float:
        """Return the place of a timestep."""
        return t

    def timestep(self, place: float) -> float:
        """Return the timestep of a place in 0..last."""
        return place


@dataclass(frozen=True)
class SigmaChain(Chain):
    """The training chain of EDM: sigma falls from `sigma_max` at the last place to `sigma_min` at 0.

    `rho`: of the sigmas' spacing (Eq. 5); None: exponential, even in ln sigma.
    """

    sigma_min: float
    sigma_max: float
    rho: float | None

    def place(self, t: float) -> float:
        """Return the place of t = c_noise, clamped to 0..last."""
        low, high, here = self._even(self.sigma_min), self._even(self.sigma_max), self._even(exp(4 * t))
        return min(max((here - low) / (high - low), 0.0), 1.0) * self.last

    def timestep(self, place: float) -> float:
        """Return c_noise of a place in 0..last."""
        low, high = self._even(self.sigma_min), self._even(self.sigma_max)
        even = low + (high - low) * place / self.last
        return (even if self.rho is None else self.rho * log(even)) / 4

    def _even(self, sigma: float) -> float:
        return log(sigma) if self.rho is None else sigma ** (1 / self.rho)


def chain_of(config: Mapping[str, Any]) -> Chain:
    """Return the training chain of a model by the config of its scheduler."""
    last = float(config.get("num_train_timesteps", 1000) - 1)
    if "sigma_data" not in config:
        return Chain(last)
    rho = None if config["sigma_schedule"] == "exponential" else float(config["rho"])
    return SigmaChain(last, float(config["sigma_min"]), float(config["sigma_max"]), rho)
