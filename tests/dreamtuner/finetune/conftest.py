"""The tiny model with a subject-encoder on disk, and a subject for it to learn in a few steps."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

from dreamtuner.families.unet.family import load_backbone
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.finetune.factory import FineTuneFactory
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.models.profiles import Profile, folder_profile
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.finetune import FineTuneConfig
from tests.dreamtuner.conftest import text_config


@pytest.fixture(scope="session")
def seeing_profile(tiny_profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """The tiny profile whose image encoder is deep enough for a subject-encoder, and that one, with weights that tell.

    Its adapters and embeddings are of random weights; nothing is learnt well, but everything learns.
    """
    folder: Path = tmp_path_factory.mktemp("seeing") / "weights"
    shutil.copytree(tiny_profile.weights, folder)
    layers = {"num_hidden_layers": 6, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        tower = CLIPModel(
            CLIPConfig(
                text_config=CLIPTextConfig(**text_config()).to_dict(),
                vision_config=CLIPVisionConfig(hidden_size=16, intermediate_size=16, **layers).to_dict(),
                projection_dim=16,
            )
        )
        encoder = SubjectEncoder.for_unet(load_backbone(tiny_profile).unet, tower.vision_model, width=16)
        for name in encoder.config.blocks:
            torch.nn.init.normal_(encoder.layer(name).to_out.weight, std=0.3)
    tower.save_pretrained(folder / "tower")
    encoder.save_pretrained(folder / "subject_encoder")
    return folder_profile(folder, name="seeing")


@pytest.fixture(scope="session")
def bear(pip: Reference) -> NamedSubject:
    return NamedSubject(pip, "bear", "natural")


@pytest.fixture
def learning(seeing_profile: Profile, bear: NamedSubject, tmp_path: Path) -> Callable[..., FineTuneFactory]:
    """A fine-tuning of few steps by these settings, in a folder of the test's own."""

    def factory(folder: str = "run", **changes: Any) -> FineTuneFactory:
        rates = {"unet": 1e-2, "text_encoder": 1e-2, "resblocks": 1e-2, "word": 1e-2}
        given = {"steps": 3, "count": 2, "rank": 2, "preview_every": 100, "lr": rates, "mode": "lora", **changes}
        sampling = seeing_profile.sampling("natural", steps=2, resolution=32)
        return FineTuneFactory(seeing_profile, bear, FineTuneConfig.model_validate(given), sampling, tmp_path / folder)

    return factory
