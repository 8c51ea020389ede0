"""Stable Diffusion XL learns a subject in both text encoders, and stock diffusers opens every format of it."""

import json
import shutil
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file

from dreamtuner.families.registry import load_backbone
from dreamtuner.families.sdxl.backbone import SDXLBackbone
from dreamtuner.families.sdxl.family import memory_need
from dreamtuner.finetune.checkpoint import from_bytes, to_bytes
from dreamtuner.finetune.factory import FineTuneFactory
from dreamtuner.finetune.formats import EMBEDDING, KOHYA, LORA, export
from dreamtuner.finetune.result import Checkpoint, load_finetuned
from dreamtuner.finetune.run import fine_tune
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.models.profiles import Profile, folder_profile
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell
from dreamtuner.settings.finetune import FineTuneConfig
from tests.standins import write_sdxl

# inside diffusers
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
RATES = {"unet": 1e-2, "text_encoder": 1e-2, "word": 1e-1}
PROMPT = "a bear [S*]"


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return folder_profile(write_sdxl(tmp_path_factory.mktemp("xl")), name="xl")


@pytest.fixture
def backbone(profile: Profile) -> SDXLBackbone:
    found = load_backbone(profile)
    assert isinstance(found, SDXLBackbone)
    return found


@pytest.fixture(scope="module")
def learnt(
    profile: Profile, bear: NamedSubject, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Checkpoint]:
    """What two steps come to, in each mode once."""

    @cache
    def train(mode: str) -> Checkpoint:
        given = {"steps": 2, "rank": 2, "regular": "none", "preview_every": 9, "lr": RATES, "mode": mode, "beta": 0.0}
        sampling = profile.sampling("natural", steps=2, resolution=32)
        settings = FineTuneConfig.model_validate(given)
        factory = FineTuneFactory(profile, bear, settings, sampling, tmp_path_factory.mktemp(mode))
        return fine_tune(factory, report=lambda line: None).tuned

    return train


def ours(backbone: Any) -> np.ndarray:
    sampling = backbone.profile.sampling("natural", steps=2, resolution=32, w_ref=0, beta=0, w_c=4.0)
    return np.asarray(generate(backbone, None, [Cell(PROMPT, 1)], sampling)[0]).astype(int)


def theirs(pipe: StableDiffusionXLPipeline) -> np.ndarray:
    pipe.set_progress_bar_config(disable=True)
    size = {"height": 32, "width": 32, "num_inference_steps": 2, "guidance_scale": 4.0}
    return np.asarray(pipe(PROMPT, generator=torch.Generator().manual_seed(1), **size).images[0]).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["lora", "full"])
def test_the_exported_folder_is_the_fine_tuned_model_in_stock_diffusers(
    learnt: Callable[[str], Checkpoint], backbone: SDXLBackbone, tmp_path: Path, mode: str
) -> None:
    tuned, before = learnt(mode), ours(backbone)
    tuned = from_bytes(to_bytes(tuned, {}))
    assert tuned.models == {"unet", "text_encoder", "text_encoder_2"}
    assert {name for name in tuned.tensors if name.startswith("word")} == {"word.row", "word_2.row"}
    with load_finetuned(backbone, tuned) as knows:
        inside = ours(knows)
    assert np.abs(inside - before).max() > 1
    assert np.array_equal(ours(backbone), before)
    export(tuned, backbone, "diffusers", tmp_path / "out")
    stock = StableDiffusionXLPipeline.from_pretrained(tmp_path / "out", local_files_only=True)
    assert np.array_equal(theirs(stock), inside)
    again = load_backbone(folder_profile(tmp_path / "out", name="again"))
    assert np.array_equal(ours(again), theirs(stock))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "file"), [("lora", LORA), ("lora-kohya", KOHYA)])
def test_loras_and_embeddings_are_opened_by_stock_diffusers(
    learnt: Callable[[str], Checkpoint], backbone: SDXLBackbone, tmp_path: Path, kind: Any, file: str
) -> None:
    tuned, out = learnt("lora"), tmp_path / "out"
    export(tuned, backbone, kind, out)
    pipe = StableDiffusionXLPipeline.from_pretrained(backbone.profile.weights, local_files_only=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        pipe.load_lora_weights(out, weight_name=file)
    rows = load_file(out / EMBEDDING)
    assert rows.keys() == {"clip_l", "clip_g"}
    pipe.load_textual_inversion(rows["clip_l"], token="[S*]", text_encoder=pipe.text_encoder, tokenizer=pipe.tokenizer)
    two = {"text_encoder": pipe.text_encoder_2, "tokenizer": pipe.tokenizer_2}
    pipe.load_textual_inversion(rows["clip_g"], token="[S*]", **two)
    with load_finetuned(backbone, tuned) as knows:
        assert np.abs(theirs(pipe) - ours(knows)).max() <= 1
    if kind == "lora-kohya":
        heads = {name.split("_", 2)[1] for name in load_file(out / file)}
        assert heads == {"unet", "te1", "te2"}
        unet = {name.partition("_blocks")[0] for name in load_file(out / file) if name.startswith("lora_unet")}
        assert unet == {"lora_unet_input", "lora_unet_middle_block_1_transformer", "lora_unet_output"}


@pytest.mark.slow
def test_memory_counts_both_text_encoders(backbone: SDXLBackbone) -> None:
    parts = (backbone.unet, backbone.text_encoder, backbone.text_encoder_2, backbone.vae)
    need = memory_need(backbone.profile, backbone.profile.finetuning("full"), 32)
    texts = [backbone.text_encoder, backbone.text_encoder_2]
    tables = sum(one.get_input_embeddings().weight.numel() for one in texts)
    learning = sum(p.numel() for part in (backbone.unet, *texts) for p in part.parameters()) - tables
    assert need.learning == 12 * learning
    assert need.weights == 4 * sum(p.numel() for part in parts for p in part.parameters())
    assert need.step > 0


def test_a_checkpoint_of_another_family_is_refused(backbone: SDXLBackbone) -> None:
    settings = FineTuneConfig(beta=0.0)
    word = {"word.row": torch.zeros(1, 16)}
    for tensors, why in (
        (word, "it has no word_2"),
        ({**word, "word_2.row": torch.zeros(1, 8)}, "its token is of 8 channels"),
        ({"text_encoder_3.a": torch.zeros(1)}, "it has text_encoder_3, and this profile has none"),
    ):
        with (
            pytest.raises(ValueError, match=f"checkpoint: {why}"),
            load_finetuned(backbone, Checkpoint(settings, "bear", tensors)),
        ):
            pass


@pytest.mark.slow
def test_the_pooled_state_is_that_of_the_end_though_a_token_was_added(profile: Profile, tmp_path: Path) -> None:
    """Configs of older releases name a wrong end token, by which the added token's state would be read."""
    folder = tmp_path / "old"
    shutil.copytree(profile.weights, folder)
    config = folder / "text_encoder_2" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "eos_token_id": 2}))
    old, new = (load_backbone(folder_profile(one, name="one")) for one in (folder, profile.weights))
    row = {"word.row": torch.zeros(1, 16), "word_2.row": torch.zeros(1, 24)}
    tuned = Checkpoint(FineTuneConfig(beta=0.0), "bear", row)
    with load_finetuned(old, tuned) as one, load_finetuned(new, tuned) as other:
        assert torch.equal(one.encode_text(PROMPT).pooled, other.encode_text(PROMPT).pooled)
