"""Checkpoints as bytes, and what stock diffusers makes of the formats that others open."""

import json
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.finetune.checkpoint import CheckpointError, from_bytes, recipe_of, to_bytes
from dreamtuner.finetune.factory import FineTuneFactory
from dreamtuner.finetune.formats import EMBEDDING, KOHYA, LORA, CheckpointExportError, export
from dreamtuner.finetune.result import WORD, Checkpoint, load_finetuned
from dreamtuner.models.profiles import Profile, folder_profile
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.finetune import FineTuneConfig

PROMPTS = ("a bear [S*]", "a bear")
CPU = torch.device("cpu")


@pytest.fixture
def backbone(seeing_profile: Profile) -> UNetBackbone:
    return load_backbone(seeing_profile)


@pytest.fixture
def tuned(learning: Callable[..., FineTuneFactory]) -> Callable[[str], Checkpoint]:
    """A subject as a model might know it: what would learn, moved at random so far that every part shows."""

    def make(mode: str) -> Checkpoint:
        stage = learning(mode=mode, regular="none").build(CPU)
        draw = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in stage.learns.parameters():
                if parameter.requires_grad:
                    parameter += 0.05 * torch.randn(parameter.shape, generator=draw)
        return stage.tuned()

    return make


def ours(backbone: UNetBackbone, tuned: Checkpoint) -> np.ndarray:
    """Pictures without a reference: the part that other programs know."""
    sampling = backbone.profile.sampling("natural", steps=3, resolution=32, w_ref=0, beta=0, w_c=4.0)
    with load_finetuned(backbone, tuned) as knows:
        drawn = generate(knows, None, [Cell(prompt, seed) for seed, prompt in enumerate(PROMPTS)], sampling)
    return np.stack([np.asarray(one) for one in drawn]).astype(int)


def theirs(pipe: StableDiffusionPipeline) -> np.ndarray:
    pipe.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(seed) for seed in range(len(PROMPTS))]
    size = {"height": 32, "width": 32, "num_inference_steps": 3, "guidance_scale": 4.0}
    drawn = pipe(list(PROMPTS), generator=generators, **size).images
    return np.stack([np.asarray(one) for one in drawn]).astype(int)


def stock(folder: Path) -> StableDiffusionPipeline:
    pipe: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    return pipe


@pytest.mark.parametrize("mode", ["full", "lora"])
def test_a_checkpoint_comes_back_as_it_was(tuned: Callable[[str], Checkpoint], mode: str) -> None:
    one = tuned(mode)
    data = to_bytes(one, {"reference": "ab"})
    again = from_bytes(data)
    assert again.settings == one.settings
    assert again.class_word == "bear"
    assert recipe_of(data) == {"reference": "ab"}
    assert again.tensors.keys() == one.tensors.keys()
    assert all(torch.equal(value, again.tensors[name]) for name, value in one.tensors.items())
    assert to_bytes(again, {"reference": "ab"}) == data


def test_pickles_and_other_files_are_refused_by_name(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "a.pt")
    for data, why in (
        ((tmp_path / "a.pt").read_bytes(), "weights.pt: it is a pickle"),
        (pickle.dumps({"a": 1}), "weights.pt: it is a pickle"),
        (save({"a": torch.ones(1)}), "weights.pt: it is not a checkpoint of a subject"),
        (b"", "weights.pt: it is not a checkpoint"),
        (b"\xff" * 40, "weights.pt: it is not a checkpoint"),
    ):
        with pytest.raises(CheckpointError, match=why):
            from_bytes(data, name="weights.pt")
    about = json.dumps({"format": 1, "class_word": "bear", "settings": {"stesp": 1}, "recipe": {}})
    with pytest.raises(CheckpointError, match="another version"):
        from_bytes(save({"a": torch.ones(1)}, metadata={"dreamtuner": about}))


def test_the_embedding_is_opened_by_diffusers(
    tuned: Callable[[str], Checkpoint], backbone: UNetBackbone, tmp_path: Path
) -> None:
    one = tuned("lora")
    word = Checkpoint(one.settings, one.class_word, {WORD: one.tensors[WORD] * 20})
    export(word, backbone, "textual-inversion", tmp_path / "out")
    pipe = stock(backbone.profile.weights)
    before = theirs(pipe)
    pipe.load_textual_inversion(tmp_path / "out" / EMBEDDING, token="[S*]")
    assert np.abs(theirs(pipe) - ours(backbone, word)).max() <= 1
    assert np.abs(before - ours(backbone, word))[0].max() > 1


@pytest.mark.parametrize(("kind", "file"), [pytest.param("lora", LORA, marks=pytest.mark.slow), ("lora-kohya", KOHYA)])
def test_both_layouts_of_the_lora_are_opened_by_diffusers(
    tuned: Callable[[str], Checkpoint], backbone: UNetBackbone, tmp_path: Path, kind: str, file: str
) -> None:
    one = tuned("lora")
    export(one, backbone, kind, tmp_path / "out")  # type: ignore[arg-type]
    pipe = stock(backbone.profile.weights)
    before = theirs(pipe)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        pipe.load_lora_weights(tmp_path / "out", weight_name=file)
    pipe.load_textual_inversion(tmp_path / "out" / EMBEDDING, token="[S*]")
    assert np.abs(theirs(pipe) - ours(backbone, one)).max() <= 1
    assert np.abs(before - ours(backbone, one))[1].max() > 1, "the adapters change what the class word draws"


@pytest.mark.parametrize("mode", [pytest.param("full", marks=pytest.mark.slow), "lora"])
def test_the_folder_is_opened_by_diffusers_and_as_a_profile(
    tuned: Callable[[str], Checkpoint], backbone: UNetBackbone, pip: Reference, tmp_path: Path, mode: str
) -> None:
    one, out = tuned(mode), tmp_path / "out"
    export(one, backbone, "diffusers", out)
    assert np.abs(theirs(stock(out)) - ours(backbone, one)).max() <= 1
    profile = folder_profile(out, name="pip")
    sampling = profile.sampling("natural", steps=2, resolution=32)
    assert sampling.beta > 0
    cells = [Cell("a bear [S*]", 3)]
    (drawn,) = generate(load_backbone(profile), pip, cells, sampling)
    with load_finetuned(backbone, one) as knows:
        (known,) = generate(knows, pip, cells, sampling)
    assert np.abs(np.asarray(drawn).astype(int) - np.asarray(known).astype(int)).max() <= 1


def test_what_a_checkpoint_does_not_hold_is_not_exported(
    tuned: Callable[[str], Checkpoint], backbone: UNetBackbone, tmp_path: Path
) -> None:
    full = tuned("full")
    wordless = Checkpoint(FineTuneConfig(word="zz"), "bear", {})
    with pytest.raises(CheckpointExportError, match="has no LoRA"):
        export(full, backbone, "lora", tmp_path / "out")
    with pytest.raises(CheckpointExportError, match="has no learned token"):
        export(wordless, backbone, "textual-inversion", tmp_path / "out")
    assert list(tmp_path.glob("*out*")) == [], "nothing half-written"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(CheckpointExportError, match="not empty"):
        export(full, backbone, "diffusers", tmp_path / "out")
