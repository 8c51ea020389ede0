"""LoRAs, VAEs, embeddings and FreeU equal stock diffusers', and leave the model as it was."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import save_file

from dreamtuner.families.registry import load_backbone
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.finetune.result import Checkpoint, load_finetuned
from dreamtuner.models.adapters import AdapterError, adapters_of
from dreamtuner.models.profiles import Profile, folder_profile
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import Sampling
from tests.adapter_files import diffusers_lora, kohya_lora, vectors
from tests.standins import write_sdxl

FREEU = (0.9, 0.2, 1.2, 1.4)
Stock = Callable[[Any], None]


@pytest.fixture(scope="module")
def backbone(tiny_profile: Profile, tiny: UNetBackbone, tmp_path_factory: pytest.TempPathFactory) -> UNetBackbone:
    folder = tmp_path_factory.mktemp("adapters")
    models = {"unet": tiny.unet, "text_encoder": tiny.text_encoder}
    shutil.copytree(tiny_profile.weights / "vae", folder / "vae")
    with torch.random.fork_rng():
        torch.manual_seed(7)
        AutoencoderKL.from_config(tiny.vae.config).save_pretrained(folder / "vae")
    save_file({"<toy>": vectors(1, 16)[0]}, folder / "toy.safetensors")
    save_file({"emb_params": vectors(3, 16)}, folder / "bad.safetensors")
    content = {"string_to_token": {"*": 265}, "string_to_param": {"*": vectors(3, 16)}, "name": "Bad", "step": 10}
    torch.save(content, folder / "bad.pt")
    offered = {
        "loras": {
            "water": diffusers_lora(folder / "water.safetensors", models),
            "ink": kohya_lora(folder / "ink.safetensors", models),
        },
        "vaes": {"other": folder / "vae"},
        "embeddings": {
            "<toy>": folder / "toy.safetensors",
            "bad": folder / "bad.safetensors",
            "Pickled": folder / "bad.pt",
        },
    }
    return load_backbone(tiny_profile.model_copy(update=offered))


def _numbers(unet: Any, vae: Any, states: torch.Tensor, **more: Any) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, unet.config.in_channels, 8, 8, generator=generator)
    noise = unet(x, torch.tensor(500), encoder_hidden_states=states, **more).sample
    return [states, noise, vae.decode(x / vae.config.scaling_factor).sample]


def _ours(backbone: UNetBackbone, sampling: Sampling, text: str) -> list[torch.Tensor]:
    with torch.inference_mode():
        adapters = adapters_of(backbone.profile, sampling, [text])
        with backbone.adapted(adapters) as model:
            return _numbers(model.unet, model.vae, model.encode_text(adapters.expand(text)).states)


def _stock(profile: Profile, change: Stock, text: str) -> list[torch.Tensor]:
    pipe = StableDiffusionPipeline.from_pretrained(profile.weights, safety_checker=None)
    change(pipe)
    with torch.inference_mode():
        return _numbers(pipe.unet, pipe.vae, pipe.encode_prompt(text, "cpu", 1, False)[0])


def _stack(profile: Profile, weights: dict[str, float], *, fuse: bool) -> Stock:
    def change(pipe: Any) -> None:
        for name in weights:
            pipe.load_lora_weights(str(profile.loras[name]), adapter_name=name)
        pipe.set_adapters(list(weights), list(weights.values()))
        if fuse:
            pipe.fuse_lora(adapter_names=list(weights))

    return change


def _bits(backbone: UNetBackbone) -> dict[str, torch.Tensor]:
    models = {"unet": backbone.unet, "text_encoder": backbone.text_encoder, "vae": backbone.vae}
    return {f"{part}.{name}": one.clone() for part, model in models.items() for name, one in model.state_dict().items()}


CASES: dict[str, tuple[Sampling, str, Callable[[Profile], Stock], float]] = {
    "a LoRA": (Sampling(loras={"water": 0.8}), "a bear", lambda p: _stack(p, {"water": 0.8}, fuse=True), 0),
    "a LoCon": (Sampling(loras={"ink": 0.8}), "a bear", lambda p: _stack(p, {"ink": 0.8}, fuse=True), 0),
    "two": (
        Sampling(loras={"ink": -0.4, "water": 0.8}),
        "a bear",
        lambda p: _stack(p, {"ink": -0.4, "water": 0.8}, fuse=True),
        0,
    ),
    "two, unmerged in stock": (
        Sampling(loras={"ink": -0.4, "water": 0.8}),
        "a bear",
        lambda p: _stack(p, {"ink": -0.4, "water": 0.8}, fuse=False),
        1e-4,
    ),
    "an embedding": (
        Sampling(),
        "a <toy>, a bear",
        lambda p: lambda pipe: pipe.load_textual_inversion(str(p.embeddings["<toy>"])),
        0,
    ),
    "several vectors": (
        Sampling(),
        "a bad bear",
        lambda p: lambda pipe: pipe.load_textual_inversion(str(p.embeddings["bad"]), token="bad"),
        0,
    ),
    "a VAE": (
        Sampling(vae="other"),
        "a bear",
        lambda p: lambda pipe: setattr(pipe, "vae", AutoencoderKL.from_pretrained(p.vaes["other"])),
        0,
    ),
    "FreeU": (Sampling(freeu=FREEU), "a bear", lambda p: lambda pipe: pipe.enable_freeu(*FREEU), 0),
}
FAST = {"two", "a VAE"}


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")  # stock, with a second LoRA
@pytest.mark.parametrize("case", [one if one in FAST else pytest.param(one, marks=pytest.mark.slow) for one in CASES])
def test_each_equals_stock_diffusers_and_leaves_the_model_as_it_was(backbone: UNetBackbone, case: str) -> None:
    sampling, text, stock, apart = CASES[case]
    before, plain = _bits(backbone), _ours(backbone, Sampling(), "a bear")
    found = _ours(backbone, sampling, text)
    for ours, theirs in zip(found, _stock(backbone.profile, stock(backbone.profile), text), strict=True):
        assert (ours - theirs).abs().max() <= apart
    assert any(not torch.equal(a, b) for a, b in zip(found, plain, strict=True))
    after = _bits(backbone)
    assert before.keys() == after.keys()
    assert all(torch.equal(one, after[name]) for name, one in before.items())


def test_a_pickle_is_the_same_embedding_and_case_does_not_matter(backbone: UNetBackbone) -> None:
    for ours, theirs in zip(
        _ours(backbone, Sampling(), "a PICKLED bear"), _ours(backbone, Sampling(), "a bad bear"), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_images_use_what_their_settings_say_and_class_images_do_not(backbone: UNetBackbone, pip: Reference) -> None:
    def picture(prompt: str = "a bear", embeddings: Any = None, **fields: Any) -> bytes:
        numbers = Sampling(steps=2, **fields)
        [found] = generate(backbone, pip, [Cell(prompt, 1)], numbers, embeddings=embeddings)
        return found.tobytes()

    plain = picture()
    variants = [picture(loras={"water": 0.8}), picture(loras={"water": 0.4}), picture(vae="other"), picture("a <toy>")]
    assert len({plain, *variants}) == 5
    assert picture("a <toy>", embeddings=()) != variants[-1]
    assert picture() == plain
    with pytest.raises(AdapterError, match=r"sampling.loras.oil: the profile has no LoRA 'oil'; it has ink, water"):
        picture(loras={"oil": 1})
    with pytest.raises(ValueError, match=r"sampling.dtype: bfloat16, but the model is loaded in float32"):
        picture(dtype="bfloat16")


def test_a_pipeline_of_the_profile_has_what_its_settings_name(backbone: UNetBackbone) -> None:
    numbers = Sampling(steps=2, loras={"water": 0.8}, vae="other", freeu=FREEU)
    profile = backbone.profile.model_copy(update={"natural": numbers})
    pipe = DreamTunerPipeline.from_profile(profile)
    pipe.set_progress_bar_config(disable=True)
    seed = torch.Generator().manual_seed(1)
    [theirs] = pipe("a bad bear", generator=seed, num_inference_steps=2, output_type="pil").images
    [ours] = generate(backbone, None, [Cell("a bad bear", 1)], profile.sampling())
    assert np.abs(np.asarray(ours).astype(int) - np.asarray(theirs)).max() <= 1
    assert pipe.config.defaults["loras"] == {}


def test_a_lora_is_merged_over_a_fine_tuned_model(backbone: UNetBackbone) -> None:
    name = next(name for name, _ in backbone.unet.named_parameters() if name.endswith("attn1.to_q.weight"))
    tuned = torch.randn(backbone.unet.get_parameter(name).shape, generator=torch.Generator().manual_seed(5))
    row = torch.ones(1, 16)
    checkpoint = Checkpoint(FineTuneConfig(mode="full"), "bear", {f"unet.{name}": tuned, "word.row": row})
    before = _bits(backbone)
    adapters = adapters_of(backbone.profile, Sampling(loras={"water": 0.5}), ["a bad [S*]"])
    base = backbone.unet.get_parameter(name).detach().clone()
    with backbone.adapted(adapters) as model:
        added = model.unet.get_parameter(name).detach() - base
    with load_finetuned(backbone, checkpoint) as learned, learned.adapted(adapters) as model:
        assert torch.allclose(model.unet.get_parameter(name), tuned + added, atol=1e-5)
        ids = model.tokenizer("a [S*] bad bad_1", add_special_tokens=False)["input_ids"]
        embedded = model.text_encoder.get_input_embeddings()(torch.tensor(ids))
        assert torch.equal(embedded[1:2], row)
        assert torch.equal(embedded[2:], vectors(3, 16)[:2])
    after = _bits(backbone)
    assert all(torch.equal(one, after[key]) for key, one in before.items())


def test_a_word_of_the_model_is_not_a_token(backbone: UNetBackbone) -> None:
    taken = backbone.profile.model_copy(update={"embeddings": {"b": backbone.profile.embeddings["bad"]}})
    adapters = adapters_of(taken, Sampling(), ["a b"])
    with (
        pytest.raises(ValueError, match=r"embeddings.b: b is a token of this model already"),
        load_backbone(taken).adapted(adapters),
    ):
        pass


@pytest.mark.slow
def test_both_text_encoders_of_xl_are_adapted(tmp_path: Path) -> None:
    folder = write_sdxl(tmp_path / "xl")
    plain = load_backbone(folder_profile(folder, name="xl"))
    models = {"unet": plain.unet, **plain.text_encoders}
    heads = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}
    save_file({"clip_l": vectors(2, 16), "clip_g": vectors(2, 24)}, tmp_path / "two.safetensors")
    offered = {
        "loras": {"ink": kohya_lora(tmp_path / "ink.safetensors", models, heads=heads)},
        "embeddings": {"two": tmp_path / "two.safetensors"},
    }
    backbone = load_backbone(plain.profile.model_copy(update=offered))
    adapters = adapters_of(backbone.profile, Sampling(loras={"ink": 0.8}), ["a two, a bear"])
    with torch.inference_mode(), backbone.adapted(adapters) as model:
        ours = model.encode_text(adapters.expand("a two, a bear"))
        unet = {name: one.clone() for name, one in model.unet.state_dict().items()}
    pipe = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    pipe.load_lora_weights(str(tmp_path / "ink.safetensors"), adapter_name="ink")
    pipe.set_adapters(["ink"], [0.8])
    pipe.fuse_lora(components=["unet", "text_encoder", "text_encoder_2"])
    pipe.unload_lora_weights()
    for name, words, encoder in (
        ("clip_l", pipe.tokenizer, pipe.text_encoder),
        ("clip_g", pipe.tokenizer_2, pipe.text_encoder_2),
    ):
        state = {"clip_l": vectors(2, 16), "clip_g": vectors(2, 24)}[name]
        pipe.load_textual_inversion(state, token=["two", "two_1"], text_encoder=encoder, tokenizer=words)
    with torch.inference_mode():
        states = pipe.encode_prompt("a two, a bear", device="cpu", do_classifier_free_guidance=False)[0]
    assert torch.equal(ours.states, states)
    assert all(torch.equal(one, unet[name]) for name, one in pipe.unet.state_dict().items())
