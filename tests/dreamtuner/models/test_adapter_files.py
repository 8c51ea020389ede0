"""Adapters that do not fit are refused by their headers, with the field and what is wrong."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.models.adapters import AdapterError, adapters_of, adapters_used, check_settings
from dreamtuner.models.adapters.embedding import expand_tokens, tokens_in
from dreamtuner.models.profiles import Profile
from dreamtuner.models.tokens import reader_of
from dreamtuner.settings.sampling import Sampling
from tests.adapter_files import diffusers_lora, kohya_lora, vectors


@pytest.fixture
def profile(tiny_profile: Profile, tiny: UNetBackbone, tmp_path: Path) -> Profile:
    models = {"unet": tiny.unet, "text_encoder": tiny.text_encoder}
    shutil.copytree(tiny_profile.weights / "vae", tmp_path / "vae")
    save_file({"emb_params": vectors(3, 16)}, tmp_path / "bad.safetensors")
    offered = {
        "loras": {
            "water": diffusers_lora(tmp_path / "water.safetensors", models),
            "ink": kohya_lora(tmp_path / "ink.safetensors", models),
        },
        "vaes": {"other": tmp_path / "vae"},
        "embeddings": {"EasyNegative": tmp_path / "bad.safetensors"},
    }
    return tiny_profile.model_copy(update=offered)


def _saved(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        save_file({name: one.clone() for name, one in change(load_file(file)).items()}, file)

    return write


def _first(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """One layer of the file, by itself."""
    down, up = sorted(name for name in state if name.startswith("unet."))[:2]
    return {down: state[down], up: state[up]}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda file: file.unlink(), r"the file .*water.safetensors is missing; put it there"),
        (lambda file: file.write_bytes(file.read_bytes()[:-40]), r"has only [\d,]+ bytes, but its header describes"),
        (_saved(lambda state: {"a": torch.ones(1)}), r"has no LoRA layers"),
        (_saved(lambda state: {f"{n}.dora_scale": t for n, t in state.items()}), r"is DoRA, which is not supported"),
        (_saved(lambda state: {n.replace("lora_A", "hada_w1_a"): t for n, t in state.items()}), r"is LoHa, which"),
        (
            _saved(lambda state: {n: t[:, :8] if "lora_A" in n else t for n, t in _first(state).items()}),
            r"is of another model than tiny: its layer .*attn1_to_k is \d+ x 8, and the model's",
        ),
        (
            _saved(lambda state: {n.replace("down_blocks.0", "down_blocks.9"): t for n, t in _first(state).items()}),
            r"is of another model than tiny: the model has no layer down_blocks_9",
        ),
        (
            _saved(lambda state: {n.replace("unet.", "text_encoder_2."): t for n, t in _first(state).items()}),
            r"is of another model than tiny: it has layers of a text_encoder_2",
        ),
        (
            _saved(lambda state: {n.replace("unet.", "transformer."): t for n, t in _first(state).items()}),
            r"is of another model than tiny: its layer .* is of none of the model's parts",
        ),
    ],
)
def test_a_lora_that_does_not_fit_is_refused(profile: Profile, spoil: Callable[[Path], Any], why: str) -> None:
    spoil(profile.loras["water"])
    check_settings(profile, Sampling(loras={"ink": 0.8}))
    with pytest.raises(AdapterError, match=rf"^sampling.loras.water: {'.*' if why.startswith('is') else ''}.*{why}"):
        check_settings(profile, Sampling(loras={"ink": 0.8, "water": 0.5}))


def test_a_vae_with_other_latents_is_refused(profile: Profile) -> None:
    check_settings(profile, Sampling(vae="other"))
    with pytest.raises(AdapterError, match=r"sampling.vae: the profile has no VAE 'mse'; it has other"):
        check_settings(profile, Sampling(vae="mse"))
    folder = profile.vaes["other"]
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"latent_channels": 4}))
    with pytest.raises(AdapterError, match=r"it has latents of 4 channels for 4 pixels, and the model latents of 8"):
        check_settings(profile, Sampling(vae="other"))
    (folder / "config.json").write_text(json.dumps(config | {"_class_name": "UNet2DConditionModel"}))
    with pytest.raises(AdapterError, match=r"is not an AutoencoderKL but UNet2DConditionModel"):
        check_settings(profile, Sampling(vae="other"))
    shutil.rmtree(folder)
    with pytest.raises(AdapterError, match=r"has no config.json"):
        check_settings(profile, Sampling(vae="other"))


def test_an_embedding_of_another_model_is_refused_where_it_is_used(profile: Profile) -> None:
    file = profile.embeddings["EasyNegative"]
    assert adapters_of(profile, Sampling(), ["a bear"]).embeddings == {}
    assert adapters_of(profile, Sampling(), ["a bear", "easynegative, ugly"]).embeddings == {"EasyNegative": 3}
    save_file({"emb_params": vectors(3, 24)}, file)
    assert not adapters_of(profile, Sampling(), ["a bear"])
    with pytest.raises(AdapterError, match=r"embeddings.EasyNegative: .* it has 24 channels for text_encoder, and the"):
        adapters_of(profile, Sampling(), ["easynegative"])
    save_file({"clip_l": vectors(3, 16), "clip_g": vectors(3, 16)}, file)
    with pytest.raises(AdapterError, match=r"is of another model than tiny"):
        adapters_of(profile, Sampling(), ["easynegative"])


class _Opens:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (open, ("/dev/null",))


def test_a_pickle_that_runs_code_is_not_opened(profile: Profile, tmp_path: Path) -> None:
    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"string_to_param": {"*": _Opens()}}))
    evil = profile.model_copy(update={"embeddings": {"evil": tmp_path / "evil.pt"}})
    with pytest.raises(AdapterError, match=r"evil.pt is not a pickle of plain tensors"):
        adapters_of(evil, Sampling(), ["evil"])


def test_digests_are_of_what_the_settings_use(profile: Profile) -> None:
    used = adapters_used(profile, Sampling(loras={"water": 0.5, "ink": 0}, vae="other"))
    assert set(used) == {"lora water", "vae other"}
    assert adapters_used(profile, Sampling()) == {}
    diffusers = profile.loras["water"]
    diffusers.write_bytes(profile.loras["ink"].read_bytes())
    changed = adapters_used(profile, Sampling(loras={"water": 0.5}, vae="other"))
    assert changed["lora water"] != used["lora water"]
    assert changed["vae other"] == used["vae other"]


def test_tokens_are_found_as_words_whatever_their_case() -> None:
    tokens = {"cat": 2, "cat-toy": 1, "<s>": 2}
    assert tokens_in(["a Cat, catty", "cats"], tokens) == ["cat"]
    assert tokens_in(["(cat-toy:1.2) and a<s>"], tokens) == ["<s>", "cat-toy"]
    assert expand_tokens("a CAT, (cat-toy:1.2) <s>", tokens) == "a cat cat_1, (cat-toy:1.2) <s> <s>_1"


def test_the_reader_counts_the_vectors_of_an_embedding(profile: Profile) -> None:
    reader = reader_of(profile)
    assert reader is not None
    plain, embedded = reader.read(["a b", "a easynegative b"])
    assert embedded.count == plain.count + 3
    assert embedded.spelled == ()
    [weighted] = reader.read(["a (EasyNegative:1.2) b"], "weighted")
    assert weighted.weights.count(1.2) == 3
