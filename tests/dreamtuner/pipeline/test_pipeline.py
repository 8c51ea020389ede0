"""DreamTunerPipeline draws what the batch function draws, and without a reference what stock diffusers draws."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    EulerAncestralDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    schedulers,
)
from PIL import Image

from dreamtuner.families.unet.backbone import UNetBackbone, UNetParts
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import TextSettings

ImageRequest = Callable[..., dict[str, Any]]
Skeleton = Callable[..., Image.Image]
SEEDS = (1, 2)
BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def backbone_of(whole: DreamTunerPipeline, tiny: UNetBackbone) -> UNetBackbone:
    return replace(
        tiny,
        encoder=whole.subject_encoder,
        image_encoder=whole.image_encoder,
        image_processor=whole.feature_extractor,
        controlnets={"depth": whole.controlnet_depth, "pose": whole.controlnet_pose},
    )


@pytest.fixture(autouse=True)
def quiet(whole: DreamTunerPipeline) -> None:
    whole.set_progress_bar_config(disable=True)


def state_of(pipe: DreamTunerPipeline) -> list[object]:
    """What a call could leave behind in the models."""
    models = [pipe.unet, pipe.controlnet_pose, pipe.subject_encoder]
    return [
        [list(model.named_modules()) for model in models],
        [list(model.attn_processors.items()) for model in models[:2]],
        [[(name, value.data_ptr()) for name, value in model.state_dict().items()] for model in models],
        [(layer.groups, layer.beta) for layer in pipe.subject_encoder.layers.values()],
        hasattr(pipe.unet, "position_net"),
    ]


def test_everything_on_it_draws_the_batch_functions_pictures(
    whole: DreamTunerPipeline, tiny: UNetBackbone, asked: ImageRequest, pip: Reference, skeleton: Skeleton
) -> None:
    call = asked(num_images_per_prompt=2, generator=generators(*SEEDS), output_type="pil", negative_prompt="a frog")
    reference = Reference(pip.image, pip.mask, call["reference_caption"], {"pose": call["reference_pose"]})
    cells = [Cell(call["prompt"], seed, {"pose": call["pose_image"]}) for seed in SEEDS]
    theirs = generate(backbone_of(whole, tiny), reference, cells, whole._defaults(), negative_prompt="a frog")
    ours = whole(**call).images
    assert [picture.tobytes() for picture in ours] == [picture.tobytes() for picture in theirs]
    for changes in ({"beta": 0.0}, {"w_ref": 0.0}, {"reference_pose": None}, {"reference_caption": "a frog"}):
        assert whole(**{**call, **changes, "generator": generators(*SEEDS)}).images[0] != ours[0], changes


def test_several_references_and_prompts_are_the_batch_functions_too(
    whole: DreamTunerPipeline, tiny: UNetBackbone, pip: Reference
) -> None:
    turned = Reference(pip.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), None, "a frog")
    references, prompts = [pip, turned], ["a bear", "a bear on a beach"]
    cells = [Cell(prompt, seed) for prompt, seed in zip(prompts, SEEDS, strict=True)]
    ours = whole(
        prompts,
        [one.image for one in references],
        [one.mask for one in references],
        [one.caption for one in references],
        generator=generators(*SEEDS),
    ).images
    theirs = generate(backbone_of(whole, tiny), references, cells, whole._defaults())
    assert [picture.tobytes() for picture in ours] == [picture.tobytes() for picture in theirs]


def test_the_noise_of_the_reference_is_the_batch_functions_too(
    whole: DreamTunerPipeline, tiny: UNetBackbone, asked: ImageRequest, pip: Reference
) -> None:
    call = asked(num_images_per_prompt=2, output_type="pil", reference_pose=None, pose_image=None)
    reference, cells = replace(pip, caption=call["reference_caption"]), [Cell(call["prompt"], seed) for seed in SEEDS]
    pictures = []
    for changes in ({"inversion": 0.7}, {"inversion": 0.7, "reference_from": 0.5}, {}):
        sampling = whole._defaults().model_copy(update=changes)
        theirs = generate(backbone_of(whole, tiny), reference, cells, sampling)
        ours = whole(**{**call, **changes, "generator": generators(*SEEDS)}).images
        assert [picture.tobytes() for picture in ours] == [picture.tobytes() for picture in theirs]
        pictures.append(ours[0].tobytes())
    assert len(set(pictures)) == 3
    with pytest.raises(ValueError, match=r"inversion.*set inversion to 0"):
        whole(**{**call, "num_inference_steps": 1, "inversion": 0.7})


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers
@pytest.mark.parametrize("scheduler", [None, EulerAncestralDiscreteScheduler, PNDMScheduler])
@pytest.mark.parametrize("w_c", [1.0, 4.0])
def test_without_a_reference_it_is_the_stock_pipeline_to_the_last_bit(
    tiny: UNetBackbone, scheduler: type | None, w_c: float
) -> None:
    template = tiny.scheduler if scheduler is None else scheduler(**BETAS)
    models = {"vae": tiny.vae, "text_encoder": tiny.text_encoder, "tokenizer": tiny.tokenizer, "unet": tiny.unet}
    ours = DreamTunerPipeline(**models, scheduler=template)
    theirs = StableDiffusionPipeline(
        **models,
        scheduler=type(template).from_config(template.config),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pictures = []
    for pipe in (ours, theirs):
        pipe.set_progress_bar_config(disable=True)
        call = {"prompt": "a bear", "negative_prompt": "a frog", "num_images_per_prompt": 2, "output_type": "np"}
        one = torch.Generator().manual_seed(3)  # for all pictures and all steps
        pictures.append(pipe(**call, num_inference_steps=4, guidance_scale=w_c, generator=one).images)
    assert np.array_equal(*pictures)


def test_with_a_layout_alone_it_is_the_stock_controlnet_pipeline_to_the_last_bit(
    whole: DreamTunerPipeline, asked: ImageRequest
) -> None:
    stock = StableDiffusionControlNetPipeline(
        vae=whole.vae,
        text_encoder=whole.text_encoder,
        tokenizer=whole.tokenizer,
        unet=whole.unet,
        controlnet=whole.controlnet_pose,
        scheduler=type(whole.scheduler).from_config(whole.scheduler.config),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    stock.set_progress_bar_config(disable=True)
    call = asked()
    same = {"prompt": "a bear", "num_inference_steps": 3, "guidance_scale": 4.0, "output_type": "np"}
    theirs = stock(**same, image=call["pose_image"], generator=generators(1)).images
    ours = whole(**same, pose_image=call["pose_image"], generator=generators(1)).images
    assert np.array_equal(ours, theirs)
    assert not np.array_equal(whole(**same, generator=generators(1)).images, ours)


def test_a_call_leaves_the_models_as_they_were_and_the_next_is_equal(
    whole: DreamTunerPipeline, asked: ImageRequest
) -> None:
    before, config = state_of(whole), dict(whole.scheduler.config)
    first = whole(**asked()).images
    assert state_of(whole) == before

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        whole(**asked(callback_on_step_end=stop))
    assert state_of(whole) == before
    assert dict(whole.scheduler.config) == config
    assert np.array_equal(whole(**asked()).images, first)


@pytest.mark.parametrize("held", ["pil", "np", "pt"])
def test_pictures_in_any_form_are_the_same_reference(whole: DreamTunerPipeline, asked: ImageRequest, held: str) -> None:
    """The digest of the reference's pixels seeds every draw, so that one other pixel would make another picture."""
    call = asked()
    for name in ("reference_image", "reference_mask", "pose_image", "reference_pose"):
        pixels = np.asarray(call[name])
        if held == "np":
            call[name] = pixels.astype(np.float32) / 255
        elif held == "pt":
            call[name] = torch.from_numpy(pixels.copy()).view(*pixels.shape[:2], -1).permute(2, 0, 1)
    assert np.array_equal(whole(**call).images, whole(**asked()).images)


def test_pictures_out_in_any_form_are_the_same(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    out = {kind: whole(**asked(output_type=kind)).images for kind in ("pil", "np", "pt", "latent")}
    assert out["np"].shape == (1, 64, 64, 3)
    assert np.abs(out["pt"].permute(0, 2, 3, 1).numpy() - out["np"]).max() < 1e-6
    assert np.abs(np.asarray(out["pil"][0]) / 255 - out["np"][0]).max() < 0.51 / 255
    assert out["latent"].shape == (1, 8, 16, 16)
    assert out["latent"].dtype == torch.float32
    again = whole.image_processor.postprocess(whole._parts().decode_pixels(out["latent"]).detach(), output_type="np")
    assert np.array_equal(again, out["np"])
    (alone,) = whole(**asked(return_dict=False))
    assert np.array_equal(alone, out["np"])


def test_a_batch_is_its_singles(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    prompts = ["a bear, waving", "a bear", "very long " * 20]
    batch = whole(**asked(prompt=prompts, generator=generators(0, 1, 2), output_type="latent")).images
    for i, prompt in enumerate(prompts):
        single = whole(**asked(prompt=prompt, generator=generators(i), output_type="latent")).images
        torch.testing.assert_close(batch[i : i + 1], single, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prompts", [1, 2])
@pytest.mark.parametrize("each", [1, 2])
def test_so_many_pictures_a_prompt_side_by_side(
    whole: DreamTunerPipeline, asked: ImageRequest, prompts: int, each: int
) -> None:
    texts = ["a bear, waving", "a bear"][:prompts]
    seeds = generators(*range(prompts * each))
    many = whole(**asked(prompt=texts, num_images_per_prompt=each, generator=seeds, num_inference_steps=1)).images
    assert len(many) == prompts * each
    last = whole(**asked(prompt=texts[-1], generator=generators(prompts * each - 1), num_inference_steps=1)).images
    assert np.abs(many[-1] - last[0]).max() < 1e-4


def test_prompt_embeds_are_the_prompt(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    text = {"prompt": "a bear, waving", "negative_prompt": "a frog"}
    plain = whole(**asked(**text, num_images_per_prompt=2)).images
    c, uc = whole.encode_prompt(**text)
    caption, _ = whole.encode_prompt("a bear in snow", do_classifier_free_guidance=False)
    states = {"prompt_embeds": c, "negative_prompt_embeds": uc, "reference_caption_embeds": caption}
    wordless = DreamTunerPipeline(
        **{**whole.components, "text_encoder": None, "tokenizer": None}, defaults=whole.config.defaults
    )
    wordless.set_progress_bar_config(disable=True)
    call = asked(**states, prompt=None, reference_caption=None, num_images_per_prompt=2)
    assert np.array_equal(wordless(**call).images, plain)
    with pytest.raises(ValueError, match="prompt: this pipeline has no text_encoder and tokenizer; give"):
        wordless("a bear")


def test_latents_take_the_place_of_drawn_noise(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    noise = torch.randn(1, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    assert np.array_equal(whole(**asked(latents=noise, generator=None)).images, whole(**asked()).images)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # inside diffusers
def test_every_scheduler_of_the_family_draws(tiny: UNetBackbone, pip: Reference) -> None:
    models = {name: getattr(tiny, name) for name in ("vae", "text_encoder", "tokenizer", "unet")}
    ran = 0
    for kind in schedulers.KarrasDiffusionSchedulers:
        try:
            scheduler = getattr(schedulers, kind.name).from_config({**BETAS, "prediction_type": "v_prediction"})
        except ImportError:  # one needs torchsde
            continue
        pipe = DreamTunerPipeline(**models, scheduler=scheduler)
        pipe.set_progress_bar_config(disable=True)
        shown = {"reference_image": pip.image, "reference_mask": pip.mask, "reference_caption": "a bear"}
        x = pipe("a bear", **shown, num_inference_steps=5, output_type="latent").images
        assert x.shape == (1, 8, 16, 16), kind
        assert x.isfinite().all(), kind
        ran += 1
    assert ran >= 12


def test_prompt_syntax_and_clip_skip_hold_for_every_text_of_a_call(
    whole: DreamTunerPipeline, asked: ImageRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    encode = UNetParts.encode_text

    def watched(parts: UNetParts, prompt: str, settings: TextSettings) -> Any:
        seen.append((prompt, settings))
        return encode(parts, prompt, settings._replace(clip_skip=0))  # the tiny encoder has one layer

    monkeypatch.setattr(UNetParts, "encode_text", watched)
    call = asked(prompt="a (bear) BREAK snow", negative_prompt="[frog]", prompt_syntax="weighted", clip_skip=1, p_r=0.0)
    whole(**call)
    assert {prompt for prompt, _ in seen} >= {"a (bear) BREAK snow", "[frog]", "a bear in snow"}
    assert {settings for _, settings in seen} == {TextSettings(1, "weighted")}
    c, uc = whole.encode_prompt(["a", "a (bear) BREAK snow"], negative_prompt="frog", prompt_syntax="weighted")
    assert c.shape == uc.shape == (2, 48, 16)
    with pytest.raises(ValueError, match="clip_skip: invalid value -1"):
        whole.encode_prompt("a", clip_skip=-1)


def test_weighted_prompts_with_weights_of_one_are_the_literal_call(
    whole: DreamTunerPipeline, asked: ImageRequest
) -> None:
    plain = whole(**asked(prompt="a bear", num_inference_steps=1)).images
    weighted = whole(**asked(prompt="a (bear:1)", num_inference_steps=1, prompt_syntax="weighted")).images
    assert np.array_equal(weighted, plain)
    heavy = whole(**asked(prompt="a (bear:3)", num_inference_steps=1, prompt_syntax="weighted")).images
    assert not np.array_equal(heavy, plain)
    with pytest.raises(ValueError, match=r"sampling.clip_skip: 1 of the text encoder's 1 layers; choose 0 to 0"):
        whole(**asked(clip_skip=1))
