"""Which pictures are layouts, both kinds at once, and references with and without a layout of their own."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionControlNetPipeline
from PIL import Image

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.models.layouts import Kind, LayoutError, fitted, kinds_of, require_controlnet
from dreamtuner.models.profiles import Profile
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling

Skeleton = Callable[..., Image.Image]
S = Sampling(steps=3, p_r=0.6, w_r=2.0, w_c=4.0)


def ramp(width: int, height: int) -> Image.Image:
    return Image.linear_gradient("L").resize((width, height))


@pytest.fixture
def led(whole: DreamTunerPipeline, tiny: UNetBackbone) -> UNetBackbone:
    return replace(tiny, controlnets={"depth": whole.controlnet_depth, "pose": whole.controlnet_pose})


@pytest.mark.parametrize(
    ("kind", "image", "said"),
    [
        ("pose", ramp(64, 64), "pose: the image is grey, .*; is it a depth map"),
        ("pose", Image.new("RGB", (64, 64)), "pose: the control image has a single colour"),
        ("pose", Image.effect_noise((64, 64), 60).convert("RGB"), "pose: the image is grey"),
        (
            "depth",
            Image.linear_gradient("L").resize((64, 32)),
            "depth: the control image is 64 x 32 pixels; make it square",
        ),
        ("depth", ramp(32, 32), "depth: the control image is 32 pixels wide, the image 64; give one at least as large"),
        ("depth", ramp(96, 96), "depth: the control image is 96 pixels wide, not a multiple of 64; resize it to 64"),
        ("canny", Image.new("RGB", (64, 64)), "canny: the control image has a single colour"),
    ],
)
def test_what_is_no_layout_is_refused_by_name(kind: Kind, image: Image.Image, said: str) -> None:
    with pytest.raises(LayoutError, match=said):
        fitted(kind, image, 64)


def test_a_photograph_is_neither_and_a_skeleton_is_no_depth_map(skeleton: Skeleton) -> None:
    photograph = Image.merge("RGB", [ramp(64, 64), ramp(64, 64).rotate(90), Image.new("L", (64, 64), 90)])
    with pytest.raises(LayoutError, match="pose: most of the image is not black"):
        fitted("pose", photograph, 64)
    for image in (photograph, skeleton(64, 64)):
        with pytest.raises(LayoutError, match="depth: the image has colours"):
            fitted("depth", image, 64)


def test_a_larger_layout_is_the_mean_of_its_whole_squares(skeleton: Skeleton) -> None:
    large = skeleton(64, 64).resize((192, 192), Image.Resampling.NEAREST)
    assert fitted("pose", large, 64).tobytes() == skeleton(64, 64).tobytes()
    assert fitted("depth", ramp(64, 64), 64).mode == "RGB"


def test_a_profile_without_the_controlnet_says_so(tiny_profile: Profile) -> None:
    assert kinds_of(tiny_profile) == []
    with pytest.raises(LayoutError, match=r"pose: the profile tiny has no ControlNet of this kind; .*; get it with"):
        require_controlnet(tiny_profile, "pose")


def test_both_kinds_at_once_are_the_stock_pipelines_sum_of_two_controlnets(
    led: UNetBackbone, skeleton: Skeleton
) -> None:
    stock = StableDiffusionControlNetPipeline(
        vae=led.vae,
        text_encoder=led.text_encoder,
        tokenizer=led.tokenizer,
        unet=led.unet,
        controlnet=[led.controlnet("depth"), led.controlnet("pose")],
        scheduler=type(led.scheduler).from_config(led.scheduler.config),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    stock.set_progress_bar_config(disable=True)
    layouts: dict[Kind, Image.Image] = {"depth": ramp(64, 64).convert("RGB"), "pose": skeleton(64, 64)}
    theirs = stock(
        "a bear",
        image=list(layouts.values()),
        num_inference_steps=S.steps,
        guidance_scale=S.w_c,
        generator=torch.Generator().manual_seed(1),
    ).images[0]
    [ours] = generate(led, None, [Cell("a bear", 1, layouts)], S)
    assert np.array_equal(np.asarray(ours), np.asarray(theirs))
    alone = [generate(led, None, [Cell("a bear", 1, {kind: layouts[kind]})], S)[0] for kind in layouts]
    assert len({picture.tobytes() for picture in (ours, *alone)}) == 3


@pytest.mark.slow
def test_cells_of_all_kinds_in_one_grid_are_those_drawn_alone(
    led: UNetBackbone, pip: Reference, skeleton: Skeleton
) -> None:
    pose, depth = skeleton(64, 64), ramp(64, 64)
    each: list[dict[str, Any]] = [{"pose": pose}, {}, {"depth": depth}, {"pose": pose, "depth": depth}, {"pose": pose}]
    cells = [Cell("a bear", seed, layouts) for seed, layouts in enumerate(each)]
    seen: list[tuple[int, int]] = []
    grid = generate(led, pip, cells, S, batch_size=2, on_step=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 12) for done in range(1, 13)]
    for cell, picture in zip(cells, grid, strict=True):
        [alone] = generate(led, pip, [cell], S)
        assert np.abs(np.asarray(alone, dtype=int) - np.asarray(picture, dtype=int)).max() <= 1


def test_a_reference_passes_with_its_own_layout_of_the_kinds_that_are_followed_alone(
    led: UNetBackbone, pip: Reference, skeleton: Skeleton
) -> None:
    own = replace(pip, layouts={"pose": skeleton(*pip.image.size)})
    both = replace(pip, layouts={**own.layouts, "depth": ramp(*pip.image.size)})
    posed, plain = [Cell("a bear", 1, {"pose": skeleton(64, 64)})], [Cell("a bear", 1)]
    assert generate(led, own, posed, S) != generate(led, pip, posed, S)
    assert generate(led, both, posed, S) == generate(led, own, posed, S)
    assert generate(led, own, plain, S) == generate(led, pip, plain, S)
    small = replace(pip, layouts={"pose": skeleton(64, 64)})
    with pytest.raises(ValueError, match=r"reference: its pose image is \(64, 64\) and the reference \(96, 80\)"):
        generate(led, small, posed, S)


def test_several_references_are_seen_in_the_layers_of_all_whichever_comes_first(
    led: UNetBackbone, pip: Reference, skeleton: Skeleton
) -> None:
    always = S.model_copy(update={"p_r": 1.0})  # lambda is drawn by the first reference
    posed = [Cell("a bear", 1, {"pose": skeleton(64, 64)})]
    frame = replace(pip, image=pip.image.rotate(90), mask=None, layouts={"pose": skeleton(*pip.image.size)})
    [one], [other] = (generate(led, each, posed, always) for each in ([pip, frame], [frame, pip]))
    assert np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max() <= 1
    [first] = generate(led, [pip, frame], posed, always, layers_of_first=True)
    assert np.abs(np.asarray(one, dtype=int) - np.asarray(first, dtype=int)).max() > 1
    [same] = generate(led, [frame, pip], posed, always, layers_of_first=True)
    assert same == other


def test_no_controlnet_is_loaded_that_no_cell_follows(tiny: UNetBackbone, pip: Reference) -> None:
    fresh = replace(tiny, controlnets={})
    generate(fresh, pip, [Cell("a bear", 1)], S)
    assert fresh.controlnets == {}
