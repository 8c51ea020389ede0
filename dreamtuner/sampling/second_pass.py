"""The second pass: finished images are enlarged, noised again in part, and denoised at the larger size.

Self-subject-attention acts in it as in the first: the reference's keys do not depend on the size of the image, so its
pass is not repeated. Enlarging happens in pixels (Lanczos), which keeps edges that latents would blur.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreamtuner.families.backbone import Parts
from dreamtuner.families.inference_memory import decoded
from dreamtuner.models.layouts import Kind
from dreamtuner.sampling.loop import OnStep, Predict, cell_noise, denoise
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.size import nearest_side, step_of

GuidedPredict = Callable[[Mapping[Kind, Tensor], Tensor, Tensor, int], Tensor]
"""As `Predict`, with the control images first."""


def second_size(sampling: Sampling) -> tuple[int, int]:
    """Return width and height of the second pass, pixels: multiples of what the first size is a multiple of."""
    step = step_of(sampling.width, sampling.height)
    width, height = (nearest_side(side * sampling.second_pass, step) for side in (sampling.width, sampling.height))
    return width, height


def second_steps(sampling: Sampling) -> int:
    """Return how many of the last steps the second pass repeats; 0 without one."""
    return max(1, round(sampling.steps * sampling.second_strength)) if sampling.second_pass > 1 else 0


def second_pass(
    backbone: Parts,
    images: Sequence[Image.Image],
    sampling: Sampling,
    scheduler: Any,
    predict: GuidedPredict,
    controls: Mapping[Kind, Tensor],
    generators: Sequence[torch.Generator],
    *,
    on_step: OnStep | None = None,
) -> list[Image.Image]:
    """Return the images at `second_size`, denoised again by the last `second_steps` of the schedule.

    scheduler: a fresh one with its timesteps set; controls: N 3 H W of the first size, which are enlarged too;
    generators: each image's own, which also seeds its noise here. `on_step` is called with steps of the schedule.
    """
    width, height = second_size(sampling)
    enlarged = [one.resize((width, height), Image.Resampling.LANCZOS) for one in images]
    x_0 = torch.stack([backbone.encode_image(one) for one in enlarged]).float()
    noise = cell_noise(generators, backbone.latent_shape(width, height)).to(x_0)
    first = len(scheduler.timesteps) - second_calls(sampling, scheduler)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    x = scheduler.add_noise(x_0, noise, scheduler.timesteps[first : first + 1].expand(len(x_0)))
    larger = {kind: F.interpolate(one, (height, width), mode="bilinear") for kind, one in controls.items()}
    again: Predict = lambda x, t, step: predict(larger, x, t, step)  # noqa: E731
    x_0 = denoise(again, x, scheduler, generators=generators, eta=sampling.eta, first=first, on_step=on_step)
    return decoded(backbone, x_0, (width, height))


def second_calls(sampling: Sampling, scheduler: Any) -> int:
    """Return how many model calls the second pass makes; a solver of order 2 makes two a step, one in the last."""
    steps = second_steps(sampling)
    return steps and len(scheduler.timesteps) - (sampling.steps - steps) * getattr(scheduler, "order", 1)
