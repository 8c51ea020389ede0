"""What does not fit is refused before anything is drawn, by the argument's name and with a remedy."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from PIL import Image

from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.settings.sampling import Sampling

ImageRequest = Callable[..., dict[str, Any]]
GREY = Image.new("L", (64, 64), 9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": None}, "prompt, prompt_embeds: give one of the two"),
        ({"prompt_embeds": torch.zeros(1, 24, 16)}, "prompt, prompt_embeds: give one of the two"),
        ({"prompt": None, "prompt_embeds": torch.zeros(24, 16)}, r"prompt_embeds: \(24, 16\) is not N L D"),
        ({"prompt": []}, r"prompt: \[\] is neither a string nor a non-empty list"),
        ({"prompt": ["a", 1]}, r"prompt: \['a', 1\] is neither"),
        ({"negative_prompt": ["a", "b"], "p_r": 0}, r"negative_prompt: \['a', 'b'\] for 1 prompts"),
        ({"negative_prompt": "a", "negative_prompt_embeds": torch.zeros(1, 24, 16), "p_r": 0}, "give one of the two"),
        ({"negative_prompt_embeds": torch.zeros(2, 24, 16), "p_r": 0}, r"negative_prompt_embeds: \(2, 24, 16\) beside"),
        ({"output_type": "jpeg"}, "output_type: 'jpeg' is not one of pil, np, pt, latent"),
        ({"num_images_per_prompt": 0}, "num_images_per_prompt: 0 is too small"),
        ({"callback_on_step_end_tensor_inputs": ["eps"]}, "tensor_inputs: there is no eps; choose from latents"),
        ({"height": 64, "width": 70}, "width, height: invalid value .70x64.: .*70 is not a multiple of 8"),
        ({"width": 60}, "height: invalid value 60: .*multiple of 8"),
        ({"num_inference_steps": 0}, "num_inference_steps: invalid value 0: .*greater than or equal to 1"),
        ({"w_ref": -1.0}, "w_ref: invalid value -1.0"),
        ({"p_r": 2.0, "beta": 3.0}, "p_r: invalid value 2.0: .*beta: invalid value 3.0"),
        ({"guidance_scale": 3.0, "w_c": 3.0}, "guidance_scale, w_c: two names for the same number"),
        ({"generator": [torch.Generator()] * 2}, "generator: 2 for 1 images"),
        (
            {"latents": torch.zeros(1, 4, 16, 16)},
            r"latents: the shape is \(1, 4, 16, 16\); this call needs \(1, 8, 16, 16\)",
        ),
        ({"reference_image": [None]}, "reference_image: the list contains None"),
        ({"reference_image": None}, "reference_mask: there is no reference_image"),
        ({"reference_image": None, "reference_mask": None}, "reference_caption: there is no reference_image"),
        ({"reference_mask": GREY}, r"reference_mask: it is \(64, 64\) pixels and its reference_image \(96, 80\)"),
        ({"reference_mask": [None, None]}, "reference_mask: 2 for 1 references"),
        ({"reference_caption": None}, "reference_caption: describe what the reference shows"),
        ({"reference_caption": ["a", "b"]}, "reference_caption: .* is not 1 strings"),
        (
            {"reference_caption": None, "reference_caption_embeds": torch.zeros(24, 16)},
            r"reference_caption_embeds: \(24, 16\) is not N L D with N = 1",
        ),
        ({"pose_image": None}, "reference_pose: it is used only together with pose_image"),
        ({"depth_image": GREY}, "depth: the control image has a single colour"),
        ({"reference_depth": GREY}, "reference_depth: it is used only together with depth_image"),
        ({"pose_image": [GREY, GREY]}, "pose_image: 2 control images for 1 prompts"),
        ({"pose_image": [None]}, "pose_image: one is None"),
        ({"pose_image": Image.new("RGB", (32, 32))}, "pose: the control image is 32 pixels wide, the image 64"),
        ({"pose_image": Image.new("RGB", (96, 96))}, "pose: the control image is 96 pixels wide, not a multiple of 64"),
        ({"reference_pose": GREY}, r"reference_pose: it is \(64, 64\)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    whole: DreamTunerPipeline, asked: ImageRequest, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        whole(**asked(**changes))


def test_components_that_are_not_there_are_named(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    optional = dict.fromkeys(whole._optional_components)
    bare = DreamTunerPipeline(**{**whole.components, **optional}, defaults=whole.config.defaults)
    with pytest.raises(ValueError, match="pose_image: this pipeline has no controlnet_pose"):
        bare(**asked())
    with pytest.raises(ValueError, match="beta: this pipeline has no subject_encoder, image_encoder, feature_ext"):
        bare(**asked(pose_image=None, reference_pose=None, beta=0.2))
    assert bare._defaults() == whole._defaults().model_copy(update={"beta": 0.0})


def test_without_defaults_the_numbers_are_the_papers_at_the_models_size(whole: DreamTunerPipeline) -> None:
    assert DreamTunerPipeline(**whole.components)._defaults() == Sampling(steps=30, resolution=64)
