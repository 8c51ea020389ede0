"""What `defaults` may hold, and a pipeline of a profile whose settings name LoRAs, a VAE, embeddings and FreeU."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.models.profiles import Profile
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from tests.adapter_files import diffusers_lora, vectors


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("scheduler", "Euler", "its component `scheduler`"),
        ("vae", "bright", "its component `vae`"),
        ("loras", {"snow": 1.0}, "load_lora_weights"),
        ("freeu", [0.9, 0.2, 1.2, 1.4], "enable_freeu"),
        ("dtype", "bfloat16", "load the pipeline in it"),
        ("second_pass", 2.0, "generate by a spec"),
        ("upscale", 2.0, "generate by a spec"),
        ("cutout", "grabcut", "generate by a spec"),
    ],
)
def test_settings_that_cannot_act_are_refused_by_name(
    whole: DreamTunerPipeline, name: str, value: Any, remedy: str
) -> None:
    with pytest.raises(ValueError, match=rf"defaults: {name} is .*{remedy}.* leave it out here"):
        DreamTunerPipeline(**whole.components, defaults={"steps": 2, name: value})


@pytest.mark.slow
def test_a_profiles_adapters_are_in_its_pipeline(
    tiny_profile: Profile, pip: Reference, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = load_backbone(tiny_profile)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        AutoencoderKL.from_config(own.vae.config).save_pretrained(tmp_path / "bright")
    save_file({"<cat>": vectors(2, 16)}, tmp_path / "cat.safetensors")
    changes = {"loras": {"snow": 0.7}, "vae": "bright", "freeu": (0.9, 0.2, 1.2, 1.4), "steps": 2, "clip_skip": 0}
    sampling = tiny_profile.sampling(**changes)
    profile = tiny_profile.model_copy(
        update={
            "loras": {"snow": diffusers_lora(tmp_path / "snow.safetensors", {"unet": own.unet})},
            "vaes": {"bright": tmp_path / "bright"},
            "embeddings": {"<cat>": tmp_path / "cat.safetensors"},
            "natural": sampling.model_copy(update={"cutout": "grabcut"}),
        }
    )
    pipe = DreamTunerPipeline.from_profile(profile)
    pipe.set_progress_bar_config(disable=True)
    assert "sampling.cutout: a pipeline does not take these steps" in caplog.text
    assert pipe.config.defaults["cutout"] is None
    call = {"reference_image": pip.image, "reference_mask": pip.mask, "reference_caption": "a <cat>"}
    ours = pipe("a <cat>, b", **call, generator=torch.Generator().manual_seed(1)).images
    reference = Reference(pip.image, pip.mask, "a <cat>")
    backbone = load_backbone(profile)
    theirs = generate(backbone, reference, [Cell("a <cat>, b", 1)], sampling)
    assert np.abs(np.asarray(ours[0], int) - np.asarray(theirs[0], int)).max() <= 1
    plain = generate(backbone, reference, [Cell("a <cat>, b", 1)], sampling.model_copy(update={"loras": {}}))
    assert np.abs(np.asarray(ours[0], int) - np.asarray(plain[0], int)).max() > 1


@pytest.mark.parametrize("changes", [{"loras": {"snow": 1.0}}, {"vae": "bright"}, {"freeu": (0.9, 0.2, 1.2, 1.4)}])
def test_models_that_are_shared_are_not_changed(tiny: UNetBackbone, changes: dict[str, Any]) -> None:
    profile = tiny.profile.model_copy(update={"natural": tiny.profile.sampling(**changes)})
    with pytest.raises(ValueError, match=rf"sampling.{next(iter(changes))}: .*load the pipeline by from_profile"):
        DreamTunerPipeline.from_backbone(replace(tiny, profile=profile))
