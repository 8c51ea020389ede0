"""Baselines that train: what of a model learns and is asked by, longer trainings go on from shorter ones."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dreamtuner.baselines.dreambooth import dreambooth
from dreamtuner.baselines.dreamtuner import dreamtuner
from dreamtuner.baselines.fine_tuned import FineTuned
from dreamtuner.baselines.method import Given
from dreamtuner.baselines.plain import Plain
from dreamtuner.baselines.textual_inversion import textual_inversion
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.models.profiles import Profile, get_profile
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.train.log import last_step
from tests.dreamtuner.finetune.conftest import seeing_profile

__all__ = ["seeing_profile"]

CELLS = [Cell("a photo of a bear on the beach", 1), Cell("a photo of a bear, waving", 2)]


@pytest.fixture(scope="module")
def seeing(seeing_profile: Profile) -> UNetBackbone:
    return load_backbone(seeing_profile)


@pytest.fixture
def given(seeing: UNetBackbone, pip: Reference, tmp_path: Path) -> Given:
    sampling = seeing.profile.sampling("natural", steps=2, resolution=32)
    return Given(pip, "bear", "natural", "a photo of a red bear", sampling, tmp_path / "workshop")


def quick(method: FineTuned, steps: int = 2) -> FineTuned:
    """The method with few steps and few regular images, learning fast enough to tell."""
    rates = method.settings.lr
    fast = rates.model_copy(update={name: 1e-2 for name, rate in rates if rate is not None})
    return replace(method, settings=method.settings.model_copy(update={"steps": steps, "count": 2, "lr": fast}))


def drawn(backbone: UNetBackbone, method: FineTuned | Plain, given: Given) -> list[bytes]:
    return [picture.tobytes() for picture in method.prepare(backbone, given).generate(CELLS)]


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(textual_inversion, marks=pytest.mark.slow),
        pytest.param(dreambooth, marks=pytest.mark.slow),
        pytest.param(lambda p: dreambooth(p, "lora"), marks=pytest.mark.slow),
        dreamtuner,
        pytest.param(lambda p: dreamtuner(p, encoder=False), marks=pytest.mark.slow),
    ],
)
def test_a_subject_is_learnt_and_the_backbone_stays(seeing: UNetBackbone, given: Given, build: object) -> None:
    before = drawn(seeing, Plain(), given)
    method = quick(build(seeing.profile))  # type: ignore[operator]
    ready = method.prepare(seeing, given)
    assert [picture.tobytes() for picture in ready.generate(CELLS)] != before
    assert ready.class_word is not None
    unnamed = [picture.tobytes() for picture in ready.class_word(CELLS)]
    assert (unnamed == before) == (method.settings.learns == ("word",))  # a new word leaves all else as it was
    assert drawn(seeing, Plain(), given) == before


def test_what_learns_and_how_it_is_asked_for() -> None:
    profile = get_profile("pocket")
    methods = [textual_inversion(profile), dreambooth(profile), dreambooth(profile, "lora"), dreamtuner(profile)]
    learns = [method.settings.learns for method in methods]
    assert learns == [
        ("word",),
        ("unet", "text_encoder"),
        ("unet", "text_encoder"),
        ("unet", "text_encoder", "resblocks", "word"),
    ]
    assert dreamtuner(profile, encoder=False).settings.learns == ("unet", "text_encoder", "word")
    asked = [method.named("a photo of a bear on the beach, bearing", "bear") for method in methods]
    assert asked == [
        "a photo of a [S*] on the beach, bearing",
        "a photo of a sks bear on the beach, bearing",
        "a photo of a sks bear on the beach, bearing",
        "a photo of a bear [S*] on the beach, bearing",
    ]
    assert [method.sees for method in methods] == [False, False, False, True]


@pytest.mark.slow
def test_a_longer_training_goes_on_from_a_shorter_one(seeing: UNetBackbone, given: Given) -> None:
    short, long = (quick(dreambooth(seeing.profile, "lora"), steps) for steps in (1, 3))
    assert short.training == long.training != quick(dreambooth(seeing.profile), 3).training
    after_one = drawn(seeing, short, given)
    state = given.work_dir / "state.safetensors"
    saved = state.stat().st_mtime_ns
    log = given.work_dir / "log.jsonl"
    log.write_text(json.dumps(json.loads(log.read_text()) | {"seconds": 7.5}) + "\n")
    assert long.prepare(seeing, given).spent_s == 7.5
    went_on = drawn(seeing, long, given)
    assert last_step(given.work_dir) == 3
    anew = replace(given, work_dir=given.work_dir.parent / "another")
    assert long.prepare(seeing, anew).spent_s == 0
    assert drawn(seeing, long, anew) == went_on != after_one
    assert state.stat().st_mtime_ns > saved
    assert drawn(seeing, short, given) == after_one  # cannot go back: trained anew


@pytest.mark.slow
def test_how_a_learnt_subject_is_drawn_is_no_part_of_its_training(seeing: UNetBackbone, given: Given) -> None:
    one = quick(dreamtuner(seeing.profile))
    other = replace(one, drawing={"w_r": 5.0})
    assert one.training == other.training
    before = drawn(seeing, one, given)
    kept = sorted((file, file.stat().st_mtime_ns) for file in given.work_dir.rglob("*.png"))
    assert drawn(seeing, other, given) != before
    assert sorted((file, file.stat().st_mtime_ns) for file in given.work_dir.rglob("*.png")) == kept != []
    anew = replace(given, work_dir=given.work_dir.parent / "another")
    drawn(seeing, other, anew)
    pictures = [[file.read_bytes() for file in sorted(w.work_dir.rglob("*.png"))] for w in (given, anew)]
    assert pictures[0] == pictures[1], "regular images are of before the learning"
