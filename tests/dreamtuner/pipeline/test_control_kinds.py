"""ControlNets of any kind: handed over from stock pipelines, saved, weighed, and used as stock pipelines use them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, MultiControlNetModel, StableDiffusionControlNetPipeline
from PIL import Image

from dreamtuner.pipeline import DreamTunerPipeline

ImageRequest = Callable[..., dict[str, Any]]
PLAIN = {"prompt": "a bear", "num_inference_steps": 2, "guidance_scale": 4.0, "output_type": "np"}


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def stock(whole: DreamTunerPipeline, controlnet: Any) -> StableDiffusionControlNetPipeline:
    parts = {name: whole.components[name] for name in ("vae", "text_encoder", "tokenizer", "unet", "scheduler")}
    pipe = StableDiffusionControlNetPipeline(
        **parts, controlnet=controlnet, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def taken_over(pipe: Any, **changes: Any) -> DreamTunerPipeline:
    made = DreamTunerPipeline.from_pipe(pipe, **changes)
    made.set_progress_bar_config(disable=True)
    return made


def test_a_stock_pipelines_controlnet_is_kept_with_its_kind(
    whole: DreamTunerPipeline, skeleton: Callable[..., Image.Image]
) -> None:
    theirs = stock(whole, whole.controlnet_pose)
    with pytest.raises(ValueError, match=r"controlnet: the kind .* is not known; give it, such as control_kinds="):
        DreamTunerPipeline.from_pipe(theirs)
    ours, lines = taken_over(theirs, control_kinds=["lineart"]), skeleton(64, 64)
    assert ours.controlnet is whole.controlnet_pose
    expected = theirs(**PLAIN, image=lines, generator=seeded(), controlnet_conditioning_scale=0.5).images
    made = ours(**PLAIN, control_images={"lineart": lines}, control_weights={"lineart": 0.5}, generator=seeded())
    assert np.array_equal(made.images, expected)
    back = StableDiffusionControlNetPipeline.from_pipe(ours, safety_checker=None, requires_safety_checker=False)
    assert back.controlnet is whole.controlnet_pose


def test_several_are_kept_saved_and_loaded(
    whole: DreamTunerPipeline, skeleton: Callable[..., Image.Image], tmp_path: Path
) -> None:
    theirs = stock(whole, [whole.controlnet_pose, whole.controlnet_depth])
    ours = taken_over(theirs, control_kinds=["openpose", "canny"])
    assert ours.config.control_kinds == ["pose", "canny"]
    pose, edges = skeleton(64, 64), skeleton(64, 64).convert("L")
    scales = {"image": [pose, edges], "controlnet_conditioning_scale": [1.0, 0.5]}
    expected = theirs(**PLAIN, **scales, generator=seeded()).images
    call = {**PLAIN, "pose_image": pose, "control_images": {"canny": edges}, "control_weights": {"canny": 0.5}}
    assert np.array_equal(ours(**call, generator=seeded()).images, expected)
    ours.save_pretrained(tmp_path)
    loaded = DreamTunerPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    assert isinstance(loaded.controlnet, MultiControlNetModel)
    np.testing.assert_allclose(loaded(**call, generator=seeded()).images, expected, atol=1e-5)


def test_with_a_reference_the_place_of_a_controlnet_does_not_matter(
    whole: DreamTunerPipeline, asked: ImageRequest
) -> None:
    parts = {**whole.components, "controlnet_pose": None, "controlnet": whole.controlnet_pose}
    other = DreamTunerPipeline(**parts, control_kinds=["pose"], defaults=whole.config.defaults)
    other.set_progress_bar_config(disable=True)
    call = asked(num_inference_steps=2)
    first = whole(**call).images
    call["generator"].manual_seed(0)
    assert np.array_equal(other(**call).images, first)
    call["generator"].manual_seed(0)
    kinds = {"control_images": {"pose": call.pop("pose_image")}}
    kinds["reference_control_images"] = {"pose": call.pop("reference_pose")}
    assert np.array_equal(other(**call, **kinds).images, first)


def test_kinds_that_do_not_fit_are_named(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    net = ControlNetModel.from_config(whole.controlnet_pose.config)
    several = MultiControlNetModel([net, net])
    for component, kinds, message in (
        (net, ["canny", "depth"], r"control_kinds: \['canny', 'depth'\] for 1 ControlNets"),
        (net, "canny", "control_kinds: 'canny' for 1 ControlNets; give a list"),
        (net, ["pose"], "control_kinds: there are two ControlNets for pose"),
        (several, ["canny", "canny"], "control_kinds: there are two ControlNets for canny"),
        (net, ["Canny!"], "control_kinds: 'Canny!' is not a kind"),
        (None, ["canny"], r"control_kinds: \['canny'\] for 0 ControlNets"),
    ):
        with pytest.raises(ValueError, match=message):
            DreamTunerPipeline(**{**whole.components, "controlnet": component}, control_kinds=kinds)
    grey = Image.new("L", (64, 64))
    for changes, message in (
        (
            {"control_images": {"canny": grey}},
            r"control_images.canny: this pipeline has no controlnet of control_kinds",
        ),
        ({"control_images": {"pose": grey}}, "control_images: pose is given twice"),
        ({"control_weights": {"canny": 1.0}}, "control_weights.canny: this pipeline has no controlnet"),
        ({"control_weights": {"pose": 9.0}}, r"control_weights.pose: invalid value 9.0: .* less than or equal to 2"),
        (
            {"reference_control_images": {"canny": grey}},
            r"reference_control_images.canny: .* with control_images.canny",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            whole(**asked(**changes))
