"""The forward process of models trained by discrete, variance-preserving noise (DDPM), also between two timesteps."""

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
