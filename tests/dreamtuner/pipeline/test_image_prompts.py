"""IP-Adapters beside S-S-A and S-E-A: as in stock pipelines without a reference, and both act with one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.request import Reference

ImageRequest = Callable[..., dict[str, Any]]
CALL = {"pose_image": None, "reference_pose": None, "num_inference_steps": 2, "output_type": "latent"}
CLIP, TOKENS = 12, 4


def adapter(pipe: DreamTunerPipeline, folder: Path) -> dict[str, Any]:
    """Write an IP-Adapter of random weights and its image encoder; return the arguments that load it."""
    g = torch.Generator().manual_seed(3)
    width = pipe.unet.config.cross_attention_dim
    weights = {
        "image_proj.proj.weight": torch.randn(TOKENS * width, CLIP, generator=g),
        "image_proj.proj.bias": torch.zeros(TOKENS * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    for i, name in enumerate(one for one in pipe.unet.attn_processors if "attn2" in one):
        layer = pipe.unet.get_submodule(name.removesuffix(".processor"))
        for side in ("k", "v"):
            shape = (layer.inner_dim, width)
            weights[f"ip_adapter.{2 * i + 1}.to_{side}_ip.weight"] = torch.randn(*shape, generator=g)
    save_file(weights, folder / "adapter.safetensors")
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(4)
        config = CLIPVisionConfig(**sizes, image_size=32, patch_size=8, projection_dim=CLIP)
        CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
    where = {"weight_name": "adapter.safetensors", "subfolder": ""}
    return {"pretrained_model_name_or_path_or_dict": str(folder), **where, "local_files_only": True}


@pytest.fixture
def bare(copied: DreamTunerPipeline) -> DreamTunerPipeline:
    """Without a subject-encoder, so that an IP-Adapter brings its own image encoder."""
    parts = {**copied.components, "subject_encoder": None, "image_encoder": None, "feature_extractor": None}
    pipe = DreamTunerPipeline(**parts, defaults=copied.config.defaults)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_without_a_reference_it_is_the_stock_pipeline(bare: DreamTunerPipeline, pip: Reference, tmp_path: Path) -> None:
    bare.load_ip_adapter(**adapter(bare, tmp_path))
    stock = StableDiffusionPipeline.from_pipe(bare, safety_checker=None, requires_safety_checker=False)
    stock.set_progress_bar_config(disable=True)
    call = {"prompt": "a bear", "num_inference_steps": 2, "guidance_scale": 4.0, "output_type": "np"}
    embeds = stock.prepare_ip_adapter_image_embeds(pip.image, None, "cpu", 1, True)
    for given in ({"ip_adapter_image": pip.image}, {"ip_adapter_image_embeds": embeds}):
        seeds = [torch.Generator().manual_seed(1) for _ in range(2)]
        theirs, ours = (p(**call, **given, generator=g).images for p, g in zip((stock, bare), seeds, strict=True))
        assert np.array_equal(ours, theirs)
    many = bare(**{**call, "prompt": ["a bear", "a frog"]}, num_images_per_prompt=2, ip_adapter_image=pip.image).images
    assert len(many) == 4


def test_with_a_reference_both_act_and_the_reference_is_encoded_without_the_image_prompt(
    bare: DreamTunerPipeline, asked: ImageRequest, tmp_path: Path
) -> None:
    def latents(**changes: Any) -> torch.Tensor:
        x: torch.Tensor = bare(**asked(**CALL, **changes)).images
        return x

    plain = latents()
    bare.load_ip_adapter(**adapter(bare, tmp_path))
    image = {"ip_adapter_image": Image.new("RGB", (40, 40), "orange")}
    seen: list[torch.Tensor] = []
    hook = bare.unet.encoder_hid_proj.register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    prompted = latents(**image, p_r=0.0)
    hook.remove()
    *reference, one, two = seen
    assert reference
    assert not any(rows.any() for rows in reference)
    assert all([bool(row.any()) for row in rows] == [False, True] for rows in (one, two))  # Eq. 5: undesired, wanted
    assert (latents(**image, p_r=0.0, w_ref=0.0) - prompted).abs().max() > 1e-3
    assert (latents(**image) - plain).abs().max() > 1e-3
    bare.set_ip_adapter_scale(0.0)
    assert (latents(**image) - plain).abs().max() < 1e-5
    bare.unload_ip_adapter()
    assert torch.equal(latents(), plain)
    with pytest.raises(ValueError, match="this pipeline has no IP-Adapter"):
        latents(**image)


@pytest.mark.slow
def test_beside_a_subject_encoder_it_takes_embeddings(
    copied: DreamTunerPipeline, asked: ImageRequest, pip: Reference, tmp_path: Path
) -> None:
    plain, encoder = copied(**asked(**CALL)).images, copied.image_encoder
    copied.load_ip_adapter(**adapter(copied, tmp_path))
    with pytest.raises(ValueError, match="which the subject-encoder reads; set both, or give ip_adapter_image_embeds"):
        copied(**asked(**CALL, ip_adapter_image=pip.image))
    with pytest.raises(ValueError, match="has an IP-Adapter; give one of the two, or call unload_ip_adapter"):
        copied(**asked(**CALL))
    with pytest.raises(ValueError, match=r"ip_adapter_image_embeds: the shape is \(3, 1, 12\)"):
        copied(**asked(**CALL, ip_adapter_image_embeds=[torch.zeros(3, 1, CLIP)]))
    with pytest.raises(ValueError, match="ip_adapter_image_embeds: 2 for 1 IP-Adapters"):
        copied(**asked(**CALL, ip_adapter_image_embeds=[torch.zeros(2, 1, CLIP)] * 2))
    own = CLIPVisionModelWithProjection.from_pretrained(tmp_path / "image_encoder")
    stock = StableDiffusionPipeline.from_pipe(
        copied, image_encoder=own, safety_checker=None, requires_safety_checker=False
    )
    embeds = stock.prepare_ip_adapter_image_embeds(pip.image, None, "cpu", 1, True)
    assert (copied(**asked(**CALL, ip_adapter_image_embeds=embeds)).images - plain).abs().max() > 1e-3
    copied.unload_ip_adapter()
    assert copied.image_encoder is encoder
    assert torch.equal(copied(**asked(**CALL)).images, plain)
