"""Timesteps and sigmas of one's own: as in the stock pipeline, with and without a reference."""

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline

from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.request import Reference

pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # inside diffusers


@pytest.mark.parametrize("given", [{"timesteps": [900, 500, 20]}, {"sigmas": [10.0, 2.0, 0.1, 0.0]}])
def test_a_schedule_of_ones_own_is_stocks(
    whole: DreamTunerPipeline, pip: Reference, given: dict[str, list[float]]
) -> None:
    parts = deepcopy({name: whole.components[name] for name in ("vae", "text_encoder", "tokenizer", "unet")})
    parts["scheduler"] = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
    )
    ours = DreamTunerPipeline(**parts)
    stock = StableDiffusionPipeline(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    call: dict[str, Any] = {"prompt": "a bear", "height": 64, "width": 64, "output_type": "np", **given}
    for pipe in (ours, stock):
        pipe.set_progress_bar_config(disable=True)
    assert np.array_equal(*(one(**call, generator=torch.manual_seed(1)).images for one in (ours, stock)))
    seen: list[int] = []

    def count(pipe: Any, step: int, t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append(step)
        return tensors

    ours(
        **call,
        reference_image=pip.image,
        reference_mask=pip.mask,
        reference_caption="a bear",
        callback_on_step_end=count,
    )
    assert seen == [0, 1, 2]
    with pytest.raises(ValueError, match="timesteps, sigmas: give one of the two"):
        ours(**{**call, "timesteps": [9, 1], "sigmas": [2.0, 1.0]})
    ours.scheduler = DDIMScheduler.from_config(whole.scheduler.config)
    with pytest.raises(ValueError, match=r"(timesteps|sigmas): DDIMScheduler takes none"):
        ours(**call)
