"""What users of diffusers rely on, held by the stock pipeline and by ours alike, without a reference."""

import inspect
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DiffusionPipeline, StableDiffusionPipeline

from dreamtuner.pipeline import DreamTunerPipeline

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.parametrize("kind", [StableDiffusionPipeline, DreamTunerPipeline]),
]
Kind = type[DiffusionPipeline]
Make = Callable[[Kind], Any]


@pytest.fixture
def make(whole: DreamTunerPipeline) -> Make:
    def made(kind: Kind) -> Any:
        names = ("vae", "text_encoder", "tokenizer", "unet")
        parts = deepcopy({name: whole.components[name] for name in names})
        parts["scheduler"] = DDIMScheduler.from_config(whole.scheduler.config)
        more = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        pipe = kind(**parts, **(more if kind is StableDiffusionPipeline else {}))
        pipe.set_progress_bar_config(disable=True)
        return pipe

    return made


def inputs(**changes: Any) -> dict[str, Any]:
    call = {"prompt": "a bear", "num_inference_steps": 2, "guidance_scale": 4.0, "output_type": "np"}
    return {**call, "generator": torch.Generator().manual_seed(0), **changes}


def images(pipe: Any, **changes: Any) -> Any:
    return pipe(**inputs(**changes)).images


def test_the_arguments(kind: Kind) -> None:
    names = set(inspect.signature(kind.__call__).parameters)
    assert names >= {"prompt", "height", "width", "guidance_scale", "negative_prompt", "prompt_embeds", "eta"}
    assert names >= {"negative_prompt_embeds", "cross_attention_kwargs", "ip_adapter_image", "ip_adapter_image_embeds"}
    assert names >= {"num_inference_steps", "num_images_per_prompt", "generator", "latents", "output_type"}
    assert names >= {"return_dict", "clip_skip", "guidance_rescale", "callback_on_step_end"}
    loaders = ("load_lora_weights", "fuse_lora", "set_adapters", "load_textual_inversion", "from_single_file")
    assert all(callable(getattr(kind, name)) for name in (*loaders, "load_ip_adapter", "enable_freeu"))


def test_tuples_and_objects(kind: Kind, make: Make) -> None:
    pipe = make(kind)
    assert np.array_equal(pipe(**inputs(return_dict=False))[0], images(pipe))


@pytest.mark.parametrize("safe", [True, False])
def test_saved_and_loaded(kind: Kind, make: Make, tmp_path: Path, safe: bool) -> None:
    pipe = make(kind)
    before = images(pipe)
    pipe.save_pretrained(tmp_path, safe_serialization=safe)
    loaded = kind.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    np.testing.assert_allclose(images(loaded), before, atol=1e-5)


def test_half_precision_is_kept_by_saving(kind: Kind, make: Make, tmp_path: Path) -> None:
    pipe = make(kind).to(dtype=torch.float16)
    before = images(pipe)
    pipe.save_pretrained(tmp_path)
    loaded = kind.from_pretrained(tmp_path, dtype=torch.float16)
    loaded.set_progress_bar_config(disable=True)
    models = [one for one in loaded.components.values() if isinstance(one, torch.nn.Module)]
    assert {one.dtype for one in models} == {torch.float16}
    np.testing.assert_allclose(images(loaded), before, atol=1e-2)


def test_callbacks_see_and_change_what_they_name(kind: Kind, make: Make) -> None:
    pipe = make(kind)
    seen: list[set[str]] = []

    def zero_at_the_end(pipe: Any, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append(set(tensors))
        if step == pipe.num_timesteps - 1:
            tensors["latents"] = torch.zeros_like(tensors["latents"])
        return tensors

    named = list(pipe._callback_tensor_inputs)
    call = {"callback_on_step_end": zero_at_the_end, "callback_on_step_end_tensor_inputs": named}
    assert not images(pipe, **call, output_type="latent").any()
    assert seen == [set(named)] * 2

    def more_guidance(pipe: Any, _: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        pipe._guidance_scale += 1.0
        return tensors

    changed = images(pipe, callback_on_step_end=more_guidance)
    assert pipe.guidance_scale == 4.0 + pipe.num_timesteps
    assert not np.array_equal(changed, images(pipe))


def test_a_callback_interrupts(kind: Kind, make: Make) -> None:
    pipe = make(kind)
    steps: list[torch.Tensor] = []

    def keep(pipe: Any, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        steps.append(tensors["latents"].clone())
        pipe._interrupt = step == 1 and len(steps) < 4
        return tensors

    call = {"num_inference_steps": 3, "output_type": "latent", "callback_on_step_end": keep}
    stopped = images(pipe, **call)
    assert torch.equal(stopped, steps[1])


def test_batches(kind: Kind, make: Make) -> None:
    pipe = make(kind)
    prompts = ["a bear", "a frog"]
    seeds = [torch.Generator().manual_seed(i) for i in range(2)]
    batch = images(pipe, prompt=prompts, generator=seeds)
    for i, prompt in enumerate(prompts):
        alone = images(pipe, prompt=prompt, generator=torch.Generator().manual_seed(i))
        np.testing.assert_allclose(batch[i : i + 1], alone, atol=1e-4)
    assert images(pipe, prompt=prompts, num_images_per_prompt=2).shape == (4, 64, 64, 3)


def test_guidance_acts(kind: Kind, make: Make) -> None:
    pipe = make(kind)
    assert not np.array_equal(images(pipe, guidance_scale=1.0), images(pipe))
    assert not np.array_equal(images(pipe, guidance_rescale=0.7), images(pipe))


def test_prompts_are_encoded_apart(kind: Kind, make: Make) -> None:
    pipe = make(kind)
    others = {name: None for name in pipe.components if name not in ("text_encoder", "tokenizer")}
    more = {"requires_safety_checker": False} if kind is StableDiffusionPipeline else {}
    encoder = kind(**{**pipe.components, **others}, **more)
    c, uc = encoder.encode_prompt("a bear", torch.device("cpu"), 1, True, "a frog")
    apart = images(pipe, prompt=None, prompt_embeds=c, negative_prompt_embeds=uc)
    np.testing.assert_allclose(apart, images(pipe, negative_prompt="a frog"), atol=1e-5)


def test_switches_of_memory_and_speed_keep_the_image(kind: Kind, make: Make) -> None:
    pipe = make(kind)
    before = images(pipe)
    pipe.enable_attention_slicing(1)
    np.testing.assert_allclose(images(pipe), before, atol=1e-4)
    pipe.disable_attention_slicing()
    pipe.vae.enable_slicing()
    pipe.vae.enable_tiling()
    np.testing.assert_allclose(images(pipe), before, atol=1e-4)
    pipe.fuse_qkv_projections()
    np.testing.assert_allclose(images(pipe), before, atol=1e-3)
    pipe.unfuse_qkv_projections()
    pipe.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)
    assert np.abs(images(pipe) - before).max() > 1e-3
    pipe.disable_freeu()
    pipe.enable_model_cpu_offload(device="cpu")
    np.testing.assert_allclose(images(pipe), before, atol=1e-5)


def test_latents_are_noise_and_output(kind: Kind, make: Make) -> None:
    pipe = make(kind)
    noise = torch.randn(1, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    assert np.array_equal(images(pipe, latents=noise.clone(), generator=None), images(pipe))
    assert images(pipe, output_type="latent").shape == (1, 8, 16, 16)
    assert images(pipe, height=48, width=80).shape == (1, 48, 80, 3)


def test_components_make_another(kind: Kind, make: Make) -> None:
    pipe = make(kind)
    more = {"requires_safety_checker": False} if kind is StableDiffusionPipeline else {}
    other = kind(**pipe.components, **more)
    other.set_progress_bar_config(disable=True)
    assert np.array_equal(images(other), images(pipe))
