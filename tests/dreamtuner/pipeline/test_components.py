"""The pipeline is loaded, saved, moved, cast, offloaded and handed over as diffusers' own are, and draws the same."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.models.profiles import Profile
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.plugins import UnknownNameError
from dreamtuner.settings.sampling import Sampling

ImageRequest = Callable[..., dict[str, Any]]


@pytest.fixture
def drawn(whole: DreamTunerPipeline, asked: ImageRequest) -> np.ndarray[Any, Any]:
    whole.set_progress_bar_config(disable=True)
    pictures: np.ndarray[Any, Any] = whole(**asked()).images
    return pictures


def _same(one: np.ndarray, other: np.ndarray) -> None:
    """Pictures in 0..1. Where weights lie in memory may decide the last bits of what a CPU computes with them."""
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_saved_and_loaded_it_draws_the_same(
    whole: DreamTunerPipeline, asked: ImageRequest, drawn: Any, tmp_path: Path, variant: str | None
) -> None:
    whole.save_pretrained(tmp_path, variant=variant)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == "DreamTunerPipeline"
    assert index["subject_encoder"] == ["dreamtuner.families.unet.subject_encoder", "SubjectEncoder"]
    assert index["controlnet_pose"] == ["diffusers", "ControlNetModel"]
    assert Sampling.model_validate(index["defaults"]) == whole._defaults()
    loaded = DreamTunerPipeline.from_pretrained(tmp_path, variant=variant)
    loaded.set_progress_bar_config(disable=True)
    assert isinstance(loaded.subject_encoder, SubjectEncoder)
    for name, component in whole.components.items():
        assert type(loaded.components[name]) is type(component)
        if isinstance(component, torch.nn.Module):
            values = loaded.components[name].state_dict()
            assert all(torch.equal(values[key], value) for key, value in component.state_dict().items()), name
    _same(loaded(**asked()).images, drawn)
    if variant is None:
        with pytest.raises(ValueError, match="variant=fp16"):
            DreamTunerPipeline.from_pretrained(tmp_path, variant="fp16")


def test_without_what_is_optional_it_stays_without(
    copied: DreamTunerPipeline, asked: ImageRequest, tmp_path: Path
) -> None:
    for name in copied._optional_components:
        setattr(copied, name, None)
    call = {"pose_image": None, "reference_pose": None}
    plain = copied(**asked(**call)).images
    copied.save_pretrained(tmp_path)
    loaded = DreamTunerPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    assert all(getattr(loaded, name) is None for name in loaded._optional_components)
    _same(loaded(**asked(**call)).images, plain)


def test_types_are_chosen_at_loading(whole: DreamTunerPipeline, tmp_path: Path) -> None:
    whole.save_pretrained(tmp_path)
    chosen = {"unet": torch.bfloat16, "default": torch.float16}
    loaded = DreamTunerPipeline.from_pretrained(tmp_path, dtype=chosen)
    found = {name: model.dtype for name, model in loaded.components.items() if isinstance(model, torch.nn.Module)}
    assert found == {name: chosen.get(name, torch.float16) for name in found}
    assert "subject_encoder" in found


def test_a_stock_folder_and_a_stock_pipeline_serve(
    tiny: UNetBackbone, tiny_profile: Profile, asked: ImageRequest, tmp_path: Path
) -> None:
    call = asked(pose_image=None, reference_pose=None, num_inference_steps=2)
    from_folder = DreamTunerPipeline.from_pretrained(tiny_profile.weights)
    stock = StableDiffusionPipeline.from_pretrained(tiny_profile.weights)
    from_stock = DreamTunerPipeline.from_pipe(stock)
    assert from_stock.unet is stock.unet
    from_profile = DreamTunerPipeline.from_profile(tiny_profile)
    from_backbone = DreamTunerPipeline.from_backbone(tiny, style="anime")
    assert from_backbone._defaults() == tiny_profile.sampling("anime")
    pictures = []
    for pipe in (from_folder, from_stock, from_profile, from_backbone):
        pipe.set_progress_bar_config(disable=True)
        call["generator"].manual_seed(0)
        pictures.append(pipe(**{**call, "w_ref": 3.0}).images)
    for picture in pictures[1:]:
        _same(picture, pictures[0])
    back = StableDiffusionPipeline.from_pipe(from_stock, safety_checker=None)
    for kept in (back, stock):
        assert kept.unet is from_stock.unet
        kept.set_progress_bar_config(disable=True)
    assert {k: v for k, v in back.config.items() if k[0] != "_"} == {
        k: v for k, v in stock.config.items() if k[0] != "_"
    }
    with pytest.raises(UnknownNameError):
        DreamTunerPipeline.from_profile("sd99")


def test_its_components_are_what_it_was_made_of(whole: DreamTunerPipeline) -> None:
    made_of = set(inspect.signature(DreamTunerPipeline.__init__).parameters) - {"self", "control_kinds", "defaults"}
    assert set(whole.components) == made_of
    json.dumps({name: value for name, value in whole.config.items() if name == "defaults"})
    with pytest.raises(ValueError, match="w_reff"):
        DreamTunerPipeline(**whole.components, defaults={"w_reff": 3})


def test_the_conventional_arguments_are_there_and_optional() -> None:
    parameters = inspect.signature(DreamTunerPipeline.__call__).parameters
    conventional = {
        *("prompt", "negative_prompt", "prompt_embeds", "negative_prompt_embeds", "height", "width"),
        *("num_inference_steps", "guidance_scale", "num_images_per_prompt", "generator", "latents"),
        *("output_type", "return_dict", "callback_on_step_end", "callback_on_step_end_tensor_inputs"),
    }
    assert conventional <= set(parameters)
    assert all(p.default is not inspect.Parameter.empty for name, p in parameters.items() if name != "self")


def test_half_precision_draws_nearly_the_same(copied: DreamTunerPipeline, asked: ImageRequest, drawn: Any) -> None:
    copied.to("cpu", torch.float16)
    models = [model for model in copied.components.values() if isinstance(model, torch.nn.Module)]
    assert {model.dtype for model in models} == {torch.float16}
    half = copied(**asked()).images
    assert np.isfinite(half).all()
    assert np.abs(half - drawn).mean() < 0.02


def test_offloaded_models_draw_the_same_and_stay_offloaded(
    copied: DreamTunerPipeline, asked: ImageRequest, drawn: Any
) -> None:
    """Offloaded to the CPU from the CPU: at least the hooks run."""
    copied.enable_model_cpu_offload(device="cpu")
    for _ in range(2):
        assert np.abs(copied(**asked()).images - drawn).max() < 1e-5
        models = [model for model in copied.components.values() if isinstance(model, torch.nn.Module)]
        assert all(hasattr(model, "_hf_hook") for model in models)
    copied.remove_all_hooks()
    assert np.abs(copied(**asked()).images - drawn).max() < 1e-5


def test_weights_are_read_only_while_their_own_module_runs(
    copied: DreamTunerPipeline, asked: ImageRequest, drawn: Any
) -> None:
    """As sequential offloading needs it, which brings a module's weights for its forward alone."""
    at_home: dict[torch.nn.Module, list[torch.Tensor]] = {}

    def bring(module: torch.nn.Module, *_: object) -> None:
        for parameter, value in zip(module.parameters(recurse=False), at_home[module], strict=True):
            parameter.data.copy_(value)

    def take(module: torch.nn.Module, *_: object) -> None:
        for parameter in module.parameters(recurse=False):
            parameter.data.fill_(torch.nan)

    for model in copied.components.values():
        for module in model.modules() if isinstance(model, torch.nn.Module) else ():
            at_home[module] = [parameter.detach().clone() for parameter in module.parameters(recurse=False)]
            module.register_forward_pre_hook(bring)
            module.register_forward_hook(take)
            take(module)
    _same(copied(**asked()).images, drawn)


@pytest.mark.parametrize("slices", [1, "max"])
def test_sliced_attention_draws_the_same_and_stays(
    copied: DreamTunerPipeline, asked: ImageRequest, drawn: Any, slices: int | str
) -> None:
    copied.enable_attention_slicing(slices)
    before = dict(copied.unet.attn_processors)
    assert np.abs(copied(**asked()).images - drawn).max() < 1e-4
    assert all(copied.unet.attn_processors[name] is processor for name, processor in before.items())


def test_fused_projections_draw_the_same(copied: DreamTunerPipeline, asked: ImageRequest, drawn: Any) -> None:
    copied.fuse_qkv_projections()
    fused = dict(copied.unet.attn_processors)
    assert np.abs(copied(**asked()).images - drawn).max() < 1e-3
    assert all(copied.unet.attn_processors[name] is processor for name, processor in fused.items())
    copied.unfuse_qkv_projections()
    assert np.abs(copied(**asked()).images - drawn).max() < 1e-5


def test_free_u_and_a_sliced_autoencoder_are_those_of_the_models(
    copied: DreamTunerPipeline, asked: ImageRequest, drawn: Any
) -> None:
    copied.vae.enable_slicing()
    two = copied(**asked(num_images_per_prompt=2, generator=[torch.Generator().manual_seed(0) for _ in range(2)]))
    assert np.abs(two.images[:1] - drawn).max() < 1e-4
    copied.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)
    assert np.abs(copied(**asked()).images - drawn).max() > 1e-3
    copied.disable_freeu()
    assert np.abs(copied(**asked()).images - drawn).max() < 1e-5


def test_an_autoencoder_without_a_posterior_serves(copied: DreamTunerPipeline, asked: ImageRequest) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        channels = (8, 8, 8)
        copied.vae = AutoencoderTiny(
            encoder_block_out_channels=channels,
            decoder_block_out_channels=channels,
            num_encoder_blocks=(1, 1, 1),
            num_decoder_blocks=(1, 1, 1),
            latent_channels=8,
        )
    pipe = DreamTunerPipeline(**copied.components, defaults=copied.config.defaults)
    pipe.set_progress_bar_config(disable=True)
    assert pipe(**asked()).images.shape == (1, 64, 64, 3)
    assert pipe.config["vae"][1] == "AutoencoderTiny"


def test_the_text_encoder_alone_encodes_prompts(whole: DreamTunerPipeline) -> None:
    words = {"text_encoder", "tokenizer"}
    alone = DreamTunerPipeline(**{name: c if name in words else None for name, c in whole.components.items()})
    ours = alone.encode_prompt(["a bear", "a frog"], negative_prompt="red", num_images_per_prompt=2)
    theirs = whole.encode_prompt(["a bear", "a frog"], negative_prompt="red", num_images_per_prompt=2)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    c, uc = ours
    assert c.shape == uc.shape == (4, 24, 16)
    assert torch.equal(c[0], c[1])
    assert torch.equal(uc[0], uc[3])
    assert not torch.equal(c[1], c[2])
