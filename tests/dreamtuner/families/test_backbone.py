"""Loading: frozen parts, digests, and errors that say what to do."""

import logging
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.models.profiles import Profile, folder_profile, get_profile
from dreamtuner.models.weights import WeightsMissingError, weights_digest
from dreamtuner.plugins import UnknownNameError


def test_parts_are_frozen_and_in_eval_mode(tiny: UNetBackbone) -> None:
    for model in (tiny.unet, tiny.vae, tiny.text_encoder):
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())


def test_missing_weights_name_the_parts_and_the_command(tmp_path: Path, tiny_profile: Profile) -> None:
    pocket = get_profile("pocket").model_copy(update={"weights": tmp_path})
    with pytest.raises(WeightsMissingError, match=r"no unet, vae, text_encoder.*dreamtuner train pocket"):
        load_backbone(pocket)
    with pytest.raises(WeightsMissingError, match="dreamtuner train pocket"):
        weights_digest(pocket)


def test_digest_follows_every_file_that_draws_and_no_other(
    tmp_path: Path, tiny_profile: Profile, tiny: UNetBackbone
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_profile.weights, folder)
    profile = folder_profile(folder, name="copy")
    first = weights_digest(profile)
    assert first == tiny.weights_digest == weights_digest(tiny_profile)
    (folder / "tower" / "config.json").write_text("{}")
    (folder / "README.md").write_text("words")
    assert weights_digest(profile) == first
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text() + " ")
    assert weights_digest(profile) != first


def test_a_picture_goes_to_latents_and_back_in_size(tiny: UNetBackbone) -> None:
    x_0 = tiny.encode_image(Image.new("RGB", (64, 64), "red"))
    assert x_0.shape == tiny.latent_shape(64) == (8, 16, 16)
    assert torch.equal(x_0, tiny.encode_image(Image.new("RGB", (64, 64), "red")))
    assert [picture.size for picture in tiny.decode(x_0[None])] == [(64, 64)]


def test_a_prompt_that_is_too_long_is_cut_with_a_warning(tiny: UNetBackbone, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        states = tiny.encode_text("a bear " * 20).states
    assert states.shape == (1, 24, 16)
    assert "the end is truncated" in caplog.text


def test_unknown_profile_lists_those_that_exist() -> None:
    with pytest.raises(UnknownNameError, match=r"no profile 'sd99'; choose one of: .*pocket"):
        get_profile("sd99")
