"""LoRAs and embeddings that diffusers' loaders bring: they act as in stock pipelines, and in the reference pass."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from dreamtuner.pipeline import DreamTunerPipeline

ImageRequest = Callable[..., dict[str, Any]]
PLAIN = {"pose_image": None, "reference_pose": None, "num_inference_steps": 1, "output_type": "latent"}


def lora(pipe: DreamTunerPipeline) -> dict[str, torch.Tensor]:
    """Weights of rank 2 for some projections of every attention layer of U-Net and text encoder, in diffusers' keys."""
    g = torch.Generator().manual_seed(5)
    weights = {}
    for part, ends in (("unet", ("attn1.to_k", "attn1.to_v", "attn2.to_q")), ("text_encoder", ("q_proj", "v_proj"))):
        for name, layer in getattr(pipe, part).named_modules():
            if name.endswith(ends):
                shapes = {"A": (2, layer.in_features), "B": (layer.out_features, 2)}
                for side, shape in shapes.items():
                    weights[f"{part}.{name}.lora_{side}.weight"] = torch.randn(*shape, generator=g) * 0.5
    return weights


def stock(pipe: DreamTunerPipeline) -> StableDiffusionPipeline:
    made = StableDiffusionPipeline.from_pipe(pipe, safety_checker=None, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    return made


def far(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max())


def test_a_lora_loaded_is_the_lora_fused_with_a_reference_and_an_encoder(
    copied: DreamTunerPipeline, asked: ImageRequest
) -> None:
    def latents(**changes: Any) -> torch.Tensor:
        x: torch.Tensor = copied(**asked(**PLAIN, **changes)).images
        return x

    plain = latents()
    copied.load_lora_weights(lora(copied), adapter_name="snow")
    loaded = latents()
    assert far(loaded, plain) > 0.05
    half = latents(cross_attention_kwargs={"scale": 0.5})
    assert far(half, loaded) > 0.01
    assert far(latents(cross_attention_kwargs={"scale": 0.0}), plain) < 1e-4
    assert far(latents(), loaded) < 1e-6  # the scale of a call ends with it
    copied.set_adapters(["snow"], [0.5])
    assert far(latents(), half) < 1e-4
    copied.set_adapters(["snow"], [1.0])
    copied.fuse_lora(lora_scale=1.0)
    assert far(latents(), loaded) < 1e-3
    copied.unfuse_lora()
    copied.unload_lora_weights()
    assert far(latents(), plain) < 1e-4


def test_arguments_of_attention_reach_every_prediction_and_the_reference_pass(
    copied: DreamTunerPipeline, asked: ImageRequest
) -> None:
    calls: list[dict[str, Any]] = []
    hook = copied.unet.register_forward_pre_hook(lambda _, args, kwargs: calls.append(kwargs), with_kwargs=True)
    scale = {"scale": 0.25, "ip_adapter_masks": None}
    copied(**asked(**{**PLAIN, "num_inference_steps": 2}, cross_attention_kwargs=scale))
    hook.remove()
    assert len(calls) > 2  # the reference pass, and two steps
    assert all(one["cross_attention_kwargs"]["scale"] == 0.25 for one in calls)
    assert all("gligen" in one["cross_attention_kwargs"] for one in calls)  # the subject-encoder's layers as well


@pytest.mark.parametrize("scale", [pytest.param(None, marks=pytest.mark.slow), 0.5])
def test_without_a_reference_a_lora_acts_as_in_the_stock_pipeline(
    copied: DreamTunerPipeline, scale: float | None
) -> None:
    copied.load_lora_weights(lora(copied))
    call = {"prompt": "a bear", "num_inference_steps": 2, "guidance_scale": 4.0, "output_type": "np"}
    call["cross_attention_kwargs"] = None if scale is None else {"scale": scale}
    ours, theirs = (pipe(**call, generator=torch.Generator().manual_seed(1)).images for pipe in (copied, stock(copied)))
    assert np.array_equal(ours, theirs)


def test_embeddings_of_several_vectors_are_expanded_in_every_text(
    copied: DreamTunerPipeline, asked: ImageRequest
) -> None:
    vectors = torch.randn(3, 16, generator=torch.Generator().manual_seed(2))
    copied.load_textual_inversion(vectors, token="<cat>")
    ours = copied.encode_prompt("a <cat>", negative_prompt="<cat> b")
    theirs = stock(copied).encode_prompt("a <cat>", "cpu", 1, True, "<cat> b")
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert not torch.equal(ours[0], copied.encode_prompt("a")[0])
    weighted = copied.encode_prompt("a (<cat>:1)", negative_prompt="<cat> b", prompt_syntax="weighted")
    assert all(torch.equal(a, b) for a, b in zip(weighted, ours, strict=True))
    caption, _ = copied.encode_prompt("a <cat>", do_classifier_free_guidance=False)
    embedded = copied(**asked(**PLAIN, reference_caption=None, reference_caption_embeds=caption)).images
    assert torch.equal(copied(**asked(**PLAIN, reference_caption="a <cat>")).images, embedded)
    assert not torch.equal(copied(**asked(**PLAIN, reference_caption="a")).images, embedded)


def test_arguments_of_attention_are_checked(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    with pytest.raises(ValueError, match=r"cross_attention_kwargs: .* gligen; leave it out, or set beta"):
        whole(**asked(cross_attention_kwargs={"gligen": {"objs": None}}))
    with pytest.raises(ValueError, match="cross_attention_kwargs: scale is 'big'"):
        whole(**asked(cross_attention_kwargs={"scale": "big"}))
