"""Profiles are data: those shipped, a user's own and a package's; whatever does not fit is named with its remedy."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from deploy.cli.main import app
from dreamtuner.models.profiles import broken_profiles, get_profile, profile_names, user_folders
from dreamtuner.plugins import BrokenPluginError, NameTakenTwiceError
from dreamtuner.settings.sampling import Sampling
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from tests.seams.outside import Outside, blocks, outside

__all__ = ["outside"]

PAGE = "add-a-profile.md"
SHIPPED = ["anything-v3", "pocket", "sd15", "sd21", "sdxl"]
WHOLE = "weights: w\nresolution: 64\nlicence: MIT\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user's own profiles."""
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "profiles"
    folder.mkdir(parents=True)
    return folder


def test_the_file_of_the_page_is_a_profile_that_specs_forms_and_settings_know(folder: Path) -> None:
    (folder / "sd15.yaml").write_text(blocks(PAGE, "yaml")[0])
    profile = get_profile("sd15")
    assert profile.weights == folder / "stable-diffusion-v1-5"
    assert profile.natural == Sampling(steps=30, resolution=512, w_c=7.5)
    assert (profile.anime.w_ref, profile.sampling(learnt=True).p_r) == (2.5, 0.5)
    assert (profile.tuning.lr.unet, profile.full_tuning.lr.unet, profile.full_tuning.mode) == (1e-4, 1e-6, "full")
    grid = {"subjects": [{"name": "pip"}], "prompts": ["a {subject}"], "seeds": [1]}
    assert Spec.model_validate({"name": "trip", "profile": "sd15", **grid}).profile == "sd15"
    assert "sd15" in json.dumps(Spec.model_json_schema()["properties"]["profile"]["enum"])
    assert Resources.open().profile("sd15") == profile


def test_folders_that_are_named_are_looked_into_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"of-{name}.yaml").write_text(WHOLE)
    monkeypatch.setenv("DREAMTUNER_PROFILES", f"{tmp_path / 'a'}:{tmp_path / 'b'}:")
    assert user_folders() == Settings.load().profile_folders == (folder, tmp_path / "a", tmp_path / "b")
    assert profile_names() == sorted([*SHIPPED, "of-a", "of-b"])
    assert get_profile("of-b").weights == tmp_path / "b" / "w"


def test_a_package_brings_a_profile(folder: Path, outside: Outside) -> None:
    outside.install_page(PAGE)
    page = blocks(PAGE, "yaml")[0].replace("stable-diffusion-v1-5  ", "package:my_models/weights  ")
    (outside.folder / "my_models" / "sd15.yaml").write_text(page)
    assert get_profile("sd15").weights == outside.folder / "my_models" / "weights"
    (folder / "sd15.yaml").write_text(WHOLE)
    with pytest.raises(NameTakenTwiceError, match=r"'sd15' exists twice, by my-models 1.0 and by .*profiles/sd15.yaml"):
        get_profile("sd15")


def test_profiles_that_ship_have_the_papers_numbers_and_name_the_command_that_fetches_them(folder: Path) -> None:
    assert profile_names() == SHIPPED
    for name, side in (("sd15", 512), ("sd21", 768), ("sdxl", 1024), ("anything-v3", 512)):
        profile = get_profile(name)
        assert (profile.resolution, profile.sampling().p_r, profile.sampling("anime").w_ref) == (side, 0.9, 2.5)
        assert (profile.natural.beta, profile.sampling().beta) == (0.2, 0.0)  # none has a subject-encoder
        assert profile.missing() == list(profile.image_parts)
        assert profile.licence.commercial
    assert get_profile("sd15").natural.w_ref == 3.0
    assert get_profile("sd15").remedy == "dreamtuner models fetch sd15"


def test_a_users_profile_takes_the_place_of_one_that_ships(folder: Path) -> None:
    (folder / "sd21.yaml").write_text(WHOLE)
    assert get_profile("sd21").weights == folder / "w"
    (folder / "sd21.yaml").unlink()
    assert get_profile("sd21").resolution == 768


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WHOLE + "samplign: {}\n", r"samplign: unknown key; did you mean sampling\?"),
        (WHOLE + "sampling: {w_reff: 3}\n", r"sampling\.w_reff: unknown key; did you mean w_ref\?"),
        (WHOLE + "sampling: {p_r: 2}\n", r"sampling\.p_r: input should be less than or equal to 1 \(found 2\)"),
        (WHOLE + "finetuned_sampling: {p_r: 2}\n", r"finetuned_sampling\.p_r: "),
        (WHOLE + "anime: {w_ref: -1}\n", r"anime\.w_ref: "),
        (WHOLE + "finetune: {lr: {unett: 1e-4}}\n", r"finetune\.lr\.unett: unknown key; did you mean unet\?"),
        (WHOLE + "finetune_full: {lr: 3}\n", r"finetune_full\.lr: 3 is not a mapping"),
        (WHOLE + "weights: x\n", r"duplicate key 'weights'"),
        (
            WHOLE.replace("weights: w", "weights: package:no_such_package/w"),
            r"weights: .*'no_such_package' is not installed; install it",
        ),
        ("resolution: 63\nlicence: MIT\n", r"weights: is missing; add it; resolution: .*multiple of 8"),
        ("- a\n", r"has no keys; write at least weights, resolution, licence"),
        ("a: [\n", r"is not YAML"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_its_keys_and_stops_no_other(folder: Path, text: str, said: str) -> None:
    (folder / "mine.yaml").write_text(text)
    with pytest.raises(BrokenPluginError, match=rf"'mine' of {folder}/mine\.yaml cannot be loaded \(.*{said}"):
        get_profile("mine")
    assert list(broken_profiles()) == ["mine"]
    assert get_profile("pocket").resolution == 64
    (folder / "mine.yaml").write_text(WHOLE)  # corrected, and read again
    assert get_profile("mine").licence.name == "MIT"


def test_pocket_is_such_a_file_with_the_numbers_that_its_stored_pictures_have() -> None:
    pocket = get_profile("pocket")
    assert pocket.missing() == []
    assert pocket.natural == Sampling(
        steps=20, resolution=64, w_r=2.0, w_c=4.0, beta=0.5, inversion=0.7, reference_from=0.2
    )
    assert pocket.sampling(steps=1).inversion == 0  # which cannot be inverted
    assert pocket.sampling(steps=1, inversion=0.5).inversion == 0.5
    assert pocket.sampling(learnt=True).inversion == pocket.sampling(learnt=True).reference_from == 0
    assert pocket.anime == pocket.natural.model_copy(update={"w_ref": 2.5})
    assert dict(pocket.finetuned_sampling) == {"p_r": 0.4, "w_r": 4.0, "inversion": 0, "reference_from": 0}
    assert pocket.tuning.lr.model_dump() == {"unet": 4e-4, "text_encoder": 5e-5, "resblocks": 1e-4, "word": 1e-3}
    full = {"unet": 5e-5, "text_encoder": 1e-5, "resblocks": 1e-4, "word": 1e-3}
    assert pocket.full_tuning.model_dump() == pocket.tuning.model_dump() | {"mode": "full", "lr": full}


def test_the_commands_know_a_users_profile(folder: Path, outside: Outside, tmp_path: Path) -> None:
    own = "weights: package:dreamtuner.pocket/weights\nresolution: 64\nlicence: Apache-2.0\nsampling: {w_ref: 1.5}\n"
    (folder / "own.yaml").write_text(own)
    (folder / "odd.yaml").write_text("resolution: 64\n")
    outside.install("my-saws", {"my_saws.py": "1 / 0"}, {"dreamtuner.maskers": {"saw": "my_saws:Saw"}})
    outside.install_page("add-a-style.md")
    said = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    found = {one["what"]: (one["state"], one["detail"]) for one in said["findings"]}
    assert found["profile own"][1].startswith("ready: 64 px, Apache-2.0")
    assert found["profile odd"][0] == "missing"
    assert "odd.yaml cannot be loaded (weights: is missing" in found["profile odd"][1]
    assert found["style watercolour"] == ("ok", "from my-styles 1.0")
    assert found["masker saw"][0] == "note"
    assert "'saw' of my-saws 1.0 cannot be loaded (ZeroDivisionError" in found["masker saw"][1]

    Image.new("RGB", (64, 64), "white").save(tmp_path / "pip.png")
    Image.linear_gradient("L").resize((64, 64)).point(lambda v: 255 * (v > 99)).save(tmp_path / "mask.png")
    subject = {"name": "pip", "class_word": "bear", "reference": "pip.png", "mask": "mask.png"}
    spec = {"name": "trip", "profile": "own", "subjects": [subject], "prompts": ["a {subject}"], "seeds": [1]}
    (tmp_path / "trip.yaml").write_text(json.dumps(spec))
    done = CliRunner().invoke(app, ["plan", str(tmp_path / "trip.yaml"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["profile"] == "own"
