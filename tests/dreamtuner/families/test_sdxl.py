"""Stable Diffusion XL: the stock pipelines to the last bit where nothing of ours is on, and the method's identities."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLControlNetPipeline, StableDiffusionXLPipeline
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from dreamtuner.families.registry import FamilyError, family_of, load_backbone
from dreamtuner.families.sdxl.backbone import SDXLBackbone
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.models.profiles import Profile, folder_profile
from dreamtuner.models.weights import WeightsMissingError, weights_digest
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.recorder import AttentionRecorder
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling, TextSettings
from tests.standins import controlnet_of, write_sdxl

# inside diffusers
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
S = Sampling(steps=2, resolution=64, w_r=2.0, w_c=4.0, beta=0.0, p_r=0.6)
CELLS = [Cell("a photo of a bear", 1), Cell("a bear", 2)]


@pytest.fixture(scope="session")
def xl_profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return folder_profile(write_sdxl(tmp_path_factory.mktemp("xl")), name="xl")


@pytest.fixture(scope="session")
def xl(xl_profile: Profile) -> SDXLBackbone:
    backbone = load_backbone(xl_profile)
    assert isinstance(backbone, SDXLBackbone)
    return replace(backbone, controlnets={"pose": controlnet_of(backbone.unet)})


def stock(backbone: SDXLBackbone, kind: type = StableDiffusionXLPipeline, **more: Any) -> Any:
    models = backbone.stock().components
    models.pop("image_encoder"), models.pop("feature_extractor")
    models["scheduler"] = type(backbone.scheduler).from_config(backbone.scheduler.config)
    zeros = backbone.zeros_for_no_prompt
    pipe = kind(**{**models, **more}, force_zeros_for_empty_prompt=zeros, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def same(ours: Sequence[Image.Image], theirs: Sequence[Image.Image]) -> bool:
    return [one.tobytes() for one in ours] == [one.tobytes() for one in theirs]


def levels(pictures: Sequence[Image.Image]) -> Tensor:
    return torch.stack([torch.from_numpy(np.asarray(one).astype(int)) for one in pictures])


@pytest.mark.parametrize(
    ("changes", "negative", "zeros"),
    [
        ({}, None, True),
        ({}, "a frog", True),
        ({}, None, False),
        pytest.param({"w_c": 1.0}, None, True, marks=pytest.mark.slow),
        pytest.param({"size": "72x48"}, None, True, marks=pytest.mark.slow),
    ],
    ids=["zeros", "negative prompt", "empty prompt", "unguided", "another size"],
)
def test_without_a_reference_it_is_the_stock_pipeline_to_the_last_bit(
    xl: SDXLBackbone, changes: dict[str, Any], negative: str | None, zeros: bool
) -> None:
    backbone, s = replace(xl, zeros_for_no_prompt=zeros), S.model_copy(update=changes)
    ours = generate(backbone, None, [CELLS[0]], s, negative_prompt=negative or "")
    theirs = stock(backbone)(
        CELLS[0].prompt,
        negative_prompt=negative,
        width=s.width,
        height=s.height,
        num_inference_steps=s.steps,
        guidance_scale=s.w_c,
        generator=torch.Generator().manual_seed(CELLS[0].seed),
    ).images
    assert same(ours, theirs)
    other = replace(xl, zeros_for_no_prompt=not zeros)
    counts = negative is None and s.w_c != 1
    assert same(ours, generate(other, None, [CELLS[0]], s, negative_prompt=negative or "")) != counts


def test_layers_are_skipped_as_the_stock_pipeline_skips_them_and_weights_of_words_count(xl: SDXLBackbone) -> None:
    skipped = xl.encode_text("a bear", TextSettings(clip_skip=1))
    states, _, pooled, _ = stock(xl).encode_prompt("a bear", clip_skip=1, do_classifier_free_guidance=False)
    assert torch.equal(skipped.states, states)
    assert skipped.pooled is not None
    assert torch.equal(skipped.pooled, pooled)
    with pytest.raises(ValueError, match=r"sampling\.clip_skip: 2 of the text encoder's 2 layers; choose 0 to 1"):
        xl.encode_text("a bear", TextSettings(clip_skip=2))
    plain, strong = (xl.encode_text(words, TextSettings(syntax="weighted")) for words in ("a bear", "a (bear:1.5)"))
    assert torch.equal(plain.states, xl.encode_text("a bear").states)
    assert not torch.equal(strong.states, plain.states)
    long = xl.encode_text("bear " * 8, TextSettings(syntax="weighted"))
    assert long.states.shape == (1, 48, 40)


def test_a_long_prompt_is_drawn_beside_the_states_of_none(xl: SDXLBackbone) -> None:
    s = S.model_copy(update={"prompt_syntax": "weighted"})
    long, short = Cell("bear " * 8, 1), Cell("bear", 1)
    grid = generate(xl, None, [long, short], s)
    assert same(grid[1:], generate(xl, None, [short], s))
    assert not same(grid[:1], grid[1:])
    padded = xl.encode_text(None).padded(48, xl.encode_text(None))
    assert not padded.states.any()


def test_with_a_controlnet_it_is_the_stock_pipeline_to_the_last_bit(
    xl: SDXLBackbone, skeleton: Callable[..., Image.Image]
) -> None:
    pose = skeleton(64, 64)
    posed = replace(CELLS[0], layouts={"pose": pose})
    pipe = stock(xl, StableDiffusionXLControlNetPipeline, controlnet=xl.controlnet("pose"))
    theirs = pipe(
        posed.prompt,
        image=pose,
        num_inference_steps=S.steps,
        guidance_scale=S.w_c,
        generator=torch.Generator().manual_seed(posed.seed),
    ).images
    ours = generate(xl, None, [posed], S)
    assert same(ours, theirs)
    assert not same(ours, generate(xl, None, [CELLS[0]], S))


def test_a_reference_counts_by_its_weight_alone_and_a_cell_is_that_of_its_grid(
    xl: SDXLBackbone, pip: Reference
) -> None:
    plain, seen = generate(xl, None, CELLS, S), generate(xl, pip, CELLS, S)
    assert same(generate(xl, pip, CELLS, S.model_copy(update={"w_ref": 0.0})), plain)
    assert int((levels(seen) - levels(plain)).abs().max()) > 8
    assert int((levels(generate(xl, pip, CELLS[1:], S)) - levels(seen[1:])).abs().max()) <= 1
    assert same(generate(xl, pip, CELLS, S), seen)
    assert same(generate(xl, None, CELLS, S), plain), "the models are as they were"


def test_every_self_attention_layer_sees_the_reference_and_is_recorded(xl: SDXLBackbone, pip: Reference) -> None:
    recorder = AttentionRecorder((0.5, 0.5), frozenset({0, 1}))
    generate(xl, pip, CELLS[:1], S.model_copy(update={"p_r": 1.0}), recorder=recorder)
    names = xl.denoiser().self_attention
    assert sum("transformer_blocks.1" in name for name in names) == 6, "several blocks to an attention"
    assert {name for _, name in recorder.maps} == set(names)


def test_words_are_found_in_states_and_maps(xl: SDXLBackbone) -> None:
    places = xl.word_places(["a bear"], "bear")
    c = xl.encode_text("a bear")
    assert places.shape == c.states.shape[:2]
    with torch.no_grad(), xl.word_maps(places) as maps:
        xl.denoiser().predict(torch.randn(1, *xl.latent_shape(64)), torch.tensor(500), c, {})
    assert len(maps) == len(xl.denoiser().self_attention)


def test_a_new_subject_encoder_changes_nothing_and_a_trained_one_does(xl: SDXLBackbone, pip: Reference) -> None:
    layers = {"num_hidden_layers": 6, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        vision = CLIPVisionModel(CLIPVisionConfig(hidden_size=16, intermediate_size=16, **layers)).eval()
        encoder = SubjectEncoder.for_unet(xl.unet, vision, width=16).eval()
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    seeing = replace(xl, encoder=encoder, image_encoder=vision, image_processor=processor)
    s = S.model_copy(update={"beta": 0.5, "w_ref": 0.0})
    plain = generate(xl, None, CELLS, S.model_copy(update={"w_ref": 0.0}))
    # with a subject Eq. 4 and 6 guide, which differ from plain guidance only by what the encoder adds: nothing yet
    always = s.model_copy(update={"p_r": 0.0})
    assert same(generate(seeing, pip, CELLS, always), plain)
    for name in encoder.config.blocks:
        torch.nn.init.normal_(encoder.layer(name).to_out.weight, std=0.3)
    assert not same(generate(seeing, pip, CELLS, always), plain)


def test_a_pipeline_of_other_models_says_so(xl: SDXLBackbone) -> None:
    with pytest.raises(ValueError, match=r"unet: it needs more than text states .* Stable Diffusion XL"):
        DreamTunerPipeline.from_backbone(xl)


def test_the_autoencoder_computes_in_float32_where_the_models_are_float16(xl_profile: Profile) -> None:
    half = load_backbone(xl_profile, dtype=torch.float16)
    assert isinstance(half, SDXLBackbone)
    assert (half.unet.dtype, half.text_encoder_2.dtype, half.vae.dtype) == (torch.float16, torch.float16, torch.float32)
    picture = half.decode(half.encode_image(Image.new("RGB", (64, 64), "red"))[None])[0]
    assert picture.size == (64, 64)


def test_latents_are_normalised_as_the_autoencoder_states(xl: SDXLBackbone) -> None:
    latents = torch.randn(1, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(xl.scaled(latents), latents * xl.vae.config.scaling_factor)
    vae = type(xl.vae).from_config({**xl.vae.config, "latents_mean": [1.0, 2, 3, 4], "latents_std": [2.0] * 4})
    stated = replace(xl, vae=vae)
    mean = torch.tensor([1.0, 2, 3, 4]).view(1, 4, 1, 1)
    torch.testing.assert_close(stated.scaled(latents), (latents - mean) / 2 * vae.config.scaling_factor)
    torch.testing.assert_close(stated.unscaled(stated.scaled(latents)), latents)


def test_the_second_text_encoder_counts_in_the_digest_and_in_what_is_missing(
    xl_profile: Profile, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(xl_profile.weights, folder)
    profile = folder_profile(folder, name="copy")
    assert {"text_encoder_2", "tokenizer_2"} <= set(profile.image_parts)
    assert weights_digest(profile) == weights_digest(xl_profile)
    config = folder / "text_encoder_2" / "config.json"
    config.write_text(config.read_text() + " ")
    assert weights_digest(profile) != weights_digest(xl_profile)
    shutil.rmtree(folder / "text_encoder_2")
    with pytest.raises(WeightsMissingError, match="no text_encoder_2 in"):
        load_backbone(profile)


@pytest.mark.parametrize(
    ("part", "changes", "why"),
    [
        ("unet", {"in_channels": 9}, r"an inpainting model \(its U-Net takes 9 channels, a text-to-image model 4\)"),
        ("unet", {"in_channels": 8}, "an InstructPix2Pix or edit model"),
        ("unet", {"projection_class_embeddings_input_dim": 5 * 8 + 24}, "the refiner of SDXL"),
        ("unet", {"in_channels": 9, "addition_embed_type": None}, "an inpainting model"),
    ],
)
def test_related_models_are_refused_by_name(
    xl_profile: Profile, tmp_path: Path, part: str, changes: dict[str, Any], why: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(xl_profile.weights, folder)
    config = folder / part / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))
    with pytest.raises(FamilyError, match=f"profile 'other': .*copy is {why}"):
        family_of(folder_profile(folder, name="other"))
