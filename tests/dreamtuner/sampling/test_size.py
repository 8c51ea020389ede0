"""Images and references that are not square: crops, token grids of odd levels, control images, attention maps."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from dreamtuner.baselines.method import Given
from dreamtuner.bench.naive import naive_generate
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.finetune.factory import FineTuneFactory
from dreamtuner.models.layouts import LayoutError, fitted
from dreamtuner.models.profiles import Profile
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.recorder import AttentionRecorder
from dreamtuner.sampling.reference_crop import shown, square, uncropped_size
from dreamtuner.sampling.reference_pass import foreground_tokens
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.sampling.subject import prepare_subject
from dreamtuner.sampling.video import flicker, frame_reference
from dreamtuner.settings.recipe_fields import to_fields
from dreamtuner.settings.sampling import Sampling

ODD = Sampling(steps=2, size="56x40", p_r=0.6, w_c=4.0)
"""Latents of 10 x 14 at f = 4, whose levels are 5 x 7 and 3 x 4."""
CELLS = [Cell("a bear on the beach", 1), Cell("a bear in the snow", 2)]


def far(a: Image.Image, b: Image.Image) -> int:
    return int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max())


@pytest.mark.parametrize("size", ["8x8", "64x99999", "60x64"])
def test_a_size_that_no_model_has_is_refused_by_its_side(size: str) -> None:
    with pytest.raises(ValueError, match=r"is not a multiple of 8 in 16\.\.4096; choose one that is"):
        Sampling(size=size)


def test_equal_sizes_have_one_spelling_and_the_later_of_size_and_resolution_counts(tiny_profile: Profile) -> None:
    assert Sampling(size="512x512") == Sampling(resolution=512)
    assert to_fields(Sampling(size="768x512", resolution=64)) == to_fields(Sampling(size="768x512"))
    assert Sampling(size="768x512").resolution == 624  # the side of a square of about its area
    wide = tiny_profile.model_copy(update={"natural": Sampling(size="96x64")})
    assert wide.sampling().size == "96x64"
    assert (wide.sampling(resolution=48).width, wide.sampling(resolution=48).height) == (48, 48)
    assert wide.sampling(size="32x64").width == 32
    assert wide.sampling(size=None) == wide.sampling(resolution=tiny_profile.resolution)
    learned = wide.model_copy(update={"finetuned_sampling": {"resolution": 32}})
    assert learned.sampling(learnt=True).size is None
    assert learned.sampling(learnt=True, size="96x64").height == 64


def test_a_square_images_noise_and_pixels_do_not_know_of_sizes(tiny: UNetBackbone, pip: Reference) -> None:
    assert tiny.latent_shape(64) == tiny.latent_shape(64, 64) == (8, 16, 16)
    assert tiny.latent_shape(56, 40) == (8, 10, 14)
    with pytest.raises(ValueError, match=r"sampling\.size: 42 is not a multiple of 4"):
        tiny.latent_shape(64, 42)
    assert all(
        a.tobytes() == b.tobytes() for a, b in zip(shown(pip, Sampling()), square(pip.image, pip.mask, 64), strict=True)
    )


def test_without_a_reference_any_size_is_the_stock_pipelines(tiny: UNetBackbone) -> None:
    parts = {"vae": tiny.vae, "text_encoder": tiny.text_encoder, "tokenizer": tiny.tokenizer, "unet": tiny.unet}
    stock = StableDiffusionPipeline(
        **parts,
        scheduler=type(tiny.scheduler).from_config(tiny.scheduler.config),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    ours = DreamTunerPipeline(**parts, scheduler=tiny.scheduler)
    call: dict[str, Any] = {"num_inference_steps": 2, "guidance_scale": 4.0, "height": 40, "width": 56}
    pictures = []
    for pipe in (stock, ours):
        pipe.set_progress_bar_config(disable=True)
        pictures.append(pipe("a bear on the beach", **call, generator=torch.Generator().manual_seed(1)).images[0])
    [cell] = generate(tiny, None, CELLS[:1], ODD)
    assert cell.size == (56, 40)
    assert pictures[0].tobytes() == pictures[1].tobytes() == cell.tobytes()


@pytest.mark.parametrize("crop", [pytest.param("square", marks=pytest.mark.slow), "none"])
def test_a_reference_of_another_shape_is_seen_as_the_slow_and_obvious_form_sees_it(
    tiny: UNetBackbone, pip: Reference, crop: str
) -> None:
    s = Sampling.model_validate({**ODD.model_dump(), "reference_crop": crop})
    fast = generate(tiny, pip, CELLS, s)
    slow = naive_generate(tiny, pip, CELLS, s, batch_size=2)
    assert max(far(a, b) for a, b in zip(fast, slow, strict=True)) <= 1
    assert far(generate(tiny, pip, CELLS[1:], s)[0], fast[1]) <= 1
    assert far(generate(tiny, None, CELLS[:1], s)[0], fast[0]) > 2


def test_a_reference_keeps_its_aspect_ratio_at_the_images_area_unless_it_is_cropped(
    tiny: UNetBackbone, pip: Reference
) -> None:
    kept = ODD.model_copy(update={"reference_crop": "none"})
    assert uncropped_size((96, 80), kept) == (48, 40)
    assert uncropped_size((112, 80), kept) == (56, 40)
    assert uncropped_size((10, 1000), kept) == (16, 472)
    assert [one.size for one in shown(pip, kept)] == [(48, 40)] * 2
    assert [one.size for one in shown(pip, ODD)] == [(48, 48)] * 2
    subject = prepare_subject(tiny, pip, kept)
    assert subject is not None
    assert subject.x_0.shape == (8, 10, 12)
    assert set(subject.foreground or {}) == {120, 30, 9}


def test_the_references_own_control_image_follows_its_crop_and_frames_are_never_cropped(
    tiny: UNetBackbone, pip: Reference, skeleton: Callable[..., Image.Image]
) -> None:
    posed = replace(pip, layouts={"pose": skeleton(*pip.image.size)})
    for crop, size in (("none", (3, 40, 48)), ("square", (3, 48, 48))):
        subject = prepare_subject(tiny, posed, ODD.model_copy(update={"reference_crop": crop}))
        assert subject is not None
        assert subject.layouts["pose"].shape == size
    frame = Image.effect_noise((56, 40), 60).convert("RGB")
    before = frame_reference(frame, "a bear", {"pose": skeleton(112, 80)})
    assert shown(before, ODD)[0].tobytes() == frame.tobytes()
    assert before.layouts["pose"].size == (56, 40)
    poses = [skeleton(56, 40), skeleton(56, 40)]
    assert flicker([frame, frame.point(lambda v: min(v + 2, 255))], poses) == pytest.approx(2, abs=0.2)


def test_tokens_of_levels_that_round_up_cover_whole_strides() -> None:
    m_r = torch.zeros(40, 56)
    m_r[:, 48:] = 1  # in the last column of the level of 3 x 4, which is 8 pixels wide, not 16
    tokens = foreground_tokens(m_r, [(10, 14), (5, 7), (3, 4)])
    assert {int(i) % 4 for i in tokens[12]} == {3}
    assert {int(i) % 7 for i in tokens[35]} == {6}
    assert len(tokens[140]) == 10 * 2


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((64, 64), "pose: the control image is 64 x 64 pixels; make it 56 x 40, or a whole multiple of it"),
        ((40, 56), "make it 56 x 40"),
        ((28, 20), "pose: the control image is 28 pixels wide, the image 56; give one at least as large"),
        ((84, 60), "84 pixels wide, not a multiple of 56; resize it to 56 x 40"),
    ],
)
def test_a_control_image_has_the_images_shape(
    skeleton: Callable[..., Image.Image], size: tuple[int, int], said: str
) -> None:
    with pytest.raises(LayoutError, match=said):
        fitted("pose", skeleton(*size), (56, 40))
    assert fitted("pose", skeleton(112, 80), (56, 40)).size == (56, 40)


def test_attention_is_recorded_on_the_grids_of_image_and_reference(tiny: UNetBackbone, pip: Reference) -> None:
    s = ODD.model_copy(update={"reference_crop": "none"})
    recorder = AttentionRecorder((0.99, 0.99), frozenset({0, 1}))
    [picture] = generate(tiny, pip, CELLS[:1], s, recorder=recorder)
    assert far(picture, generate(tiny, pip, CELLS[:1], s)[0]) == 0
    grids = {one.grid: one.patches().shape for one in recorder.maps.values()}
    assert grids == {(10, 14): (10, 12), (5, 7): (5, 6), (3, 4): (3, 3)}
    for one in recorder.maps.values():
        assert float((one.own.sum(1) + one.references[0].sum(1) - 1).abs().max()) < 1e-4
    assert recorder._token((3, 4), (10, 14)) == 11
    assert AttentionRecorder((0.6, 0.0), frozenset())._token((3, 4), (10, 14)) == 2  # x = 8.4 of 14, in 8..12


def test_the_pipeline_generates_the_batch_functions_pictures_of_any_size(
    whole: DreamTunerPipeline,
    tiny: UNetBackbone,
    pip: Reference,
    asked: Callable[..., dict[str, Any]],
    skeleton: Callable[..., Image.Image],
) -> None:
    whole.set_progress_bar_config(disable=True)
    pose = skeleton(112, 80)
    [ours] = whole(**asked(pose_image=pose, width=56, height=40, output_type="pil")).images
    backbone = replace(
        tiny,
        encoder=whole.subject_encoder,
        image_encoder=whole.image_encoder,
        image_processor=whole.feature_extractor,
        controlnets={"pose": whole.controlnet_pose},
    )
    reference = replace(pip, caption="a bear in snow", layouts={"pose": skeleton(*pip.image.size)})
    s = Sampling.model_validate(whole._defaults().merged({"size": "56x40"}))
    [theirs] = generate(backbone, reference, [Cell("a bear, waving", 0, {"pose": pose})], s)
    assert ours.tobytes() == theirs.tobytes()


def test_what_works_on_squares_alone_says_so(tiny_profile: Profile, pip: Reference, tmp_path: Any) -> None:
    with pytest.raises(ValueError, match=r"sampling\.size: 56x40, but methods are compared on squares; set resolution"):
        Given(pip, "bear", "natural", "", ODD, tmp_path)
    with pytest.raises(ValueError, match=r"sampling\.size: 56x40, but fine-tuning trains on squares; set resolution"):
        FineTuneFactory(tiny_profile, None, tiny_profile.finetuning(), ODD, tmp_path)  # type: ignore[arg-type]
