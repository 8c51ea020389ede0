"""A second model family from outside the package: the page's toy, which has nothing of a U-Net, generates like any."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from dreamtuner.baselines.masactrl import MasaCtrl
from dreamtuner.baselines.method import Given
from dreamtuner.baselines.reference_only import ReferenceOnly
from dreamtuner.bench.naive import naive_generate
from dreamtuner.families.backbone import Backbone
from dreamtuner.families.registry import FAMILIES, FamilyError, fine_tunable, load_backbone
from dreamtuner.models.profiles import Profile, get_profile
from dreamtuner.models.weights import WeightsMissingError, weights_digest
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from tests.seams.outside import Outside, blocks, outside

__all__ = ["outside"]  # the fixture

PAGE = "add-a-model-family.md"
CELLS = [Cell("a bear on the beach", 1), Cell("a bear in the snow", 2)]


@pytest.fixture
def profile(outside: Outside, tmp_path: Path) -> Profile:
    """The page's package, installed, and a folder of weights with the page's profile."""
    outside.install_page(PAGE)
    weights = tmp_path / "weights"
    (weights / "network").mkdir(parents=True)
    (weights / "network" / "config.json").write_text(json.dumps({}))
    torch.manual_seed(0)
    network = import_module("my_family.denoiser").Network()
    save_file({name: 3 * value for name, value in network.state_dict().items()}, weights / "network/model.safetensors")
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "mine.yaml").write_text(blocks(PAGE, "yaml")[0].replace("/models/mine", str(weights)))
    return get_profile("mine", [folder])


@pytest.fixture
def toy(profile: Profile) -> Backbone:
    return load_backbone(profile)


@pytest.fixture
def pip() -> Reference:
    image, mask = Image.new("RGB", (64, 64), "green"), Image.new("L", (64, 64), 0)
    for canvas, colour in ((image, "red"), (mask, 255)):
        ImageDraw.Draw(canvas).ellipse((12, 12, 50, 60), fill=colour)
    return Reference(image, mask, "a red bear")


def levels(pictures: list[Image.Image]) -> torch.Tensor:
    return torch.stack([torch.frombuffer(bytearray(one.tobytes()), dtype=torch.uint8).int() for one in pictures])


def test_it_generates_with_a_reference_as_the_slow_and_obvious_form_does(toy: Backbone, pip: Reference) -> None:
    s = toy.profile.sampling(steps=4, p_r=0.6, w_r=2.0, w_c=3.0)
    seen = levels(generate(toy, pip, CELLS, s))
    naive = levels(naive_generate(toy, pip, CELLS, s, batch_size=2))
    assert int((seen - naive).abs().max()) <= 1  # last bits, rounded to levels
    assert int((seen - levels(generate(toy, None, CELLS, s))).abs().max()) > 8
    assert int((levels(generate(toy, pip, CELLS[1:], s)) - seen[1:]).abs().max()) <= 1


def test_a_reference_without_weight_is_the_plain_model_and_leaving_restores_it(toy: Any, pip: Reference) -> None:
    s = toy.profile.sampling(steps=2, w_ref=0.0)
    plain = toy.network.attend
    assert torch.equal(levels(generate(toy, pip, CELLS, s)), levels(generate(toy, None, CELLS, s)))
    generate(toy, pip, CELLS, toy.profile.sampling(steps=2))
    assert toy.network.attend is plain


def test_baselines_work_with_its_self_attention(toy: Backbone, pip: Reference, tmp_path: Path) -> None:
    given = Given(pip, "bear", "natural", pip.caption, toy.profile.sampling(steps=3), tmp_path)
    plain = levels(generate(toy, None, CELLS, given.sampling))
    for method in (ReferenceOnly(), MasaCtrl(from_layer=0.0, from_inversion=False)):
        drawn = levels(method.prepare(toy, given).generate(CELLS))
        assert drawn.shape == plain.shape
        assert not torch.equal(drawn, plain)
    with pytest.raises(ValueError, match="masked: this model gives no cross-attention maps"):
        MasaCtrl(masked=True).prepare(toy, given).generate(CELLS)


def test_what_it_lacks_is_said(toy: Backbone, pip: Reference, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"sampling\.beta: this family has no subject-encoder"):
        generate(toy, pip, CELLS, toy.profile.sampling(beta=0.5))
    with pytest.raises(FamilyError, match="'mine' cannot be fine-tuned"):
        fine_tunable(toy)


def test_weights_are_told_by_their_own_parts(profile: Profile, tmp_path: Path) -> None:
    digest = weights_digest(profile)
    assert load_backbone(profile).weights_digest == digest
    config = profile.weights / "network" / "config.json"
    config.write_text('{"other": 1}')
    assert weights_digest(profile) != digest
    config.unlink()
    with pytest.raises(FamilyError, match=r"no model family reads .*; known are unet, sdxl, mine"):
        load_backbone(profile)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(WeightsMissingError, match="no network in"):
        load_backbone(profile.model_copy(update={"weights": tmp_path / "nothing"}))


def test_two_families_that_read_one_folder_are_an_error(profile: Profile, outside: Outside) -> None:
    outside.install("other", {"other.py": "def reads(p): return True\ndef load_backbone(p): ..."}, OTHER)
    with pytest.raises(FamilyError, match="the families mine, other all read"):
        load_backbone(profile)


OTHER = {"dreamtuner.families": {"other": "other"}}


def test_the_family_that_is_built_in_needs_no_entry_point() -> None:
    assert "unet" in FAMILIES.names()
