"""`dreamtuner models`: what each command prints, writes and refuses, with its exit code."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from deploy.cli.main import app
from dreamtuner.models.intake.errors import HubError, IntakeError
from dreamtuner.plugins import UnknownNameError
from flows.resources import Resources
from tests.auxiliary_models import in_cache
from tests.light_models import UNET, clip, stable_diffusion, written
from tests.single_files import write_single_file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return stable_diffusion(tmp_path / "model")


def run(*words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["models", *words, "--json"])
    assert done.exit_code == code, done.output + str(done.exception)
    return json.loads(done.stdout.splitlines()[-1])


def listed(name: str) -> dict[str, Any]:
    return next(one for one in run("list")["models"] if one["name"] == name)


def test_profiles_that_ship_are_listed_as_not_fetched_with_the_command(home: Path) -> None:
    assert [one["name"] for one in run("list")["models"]] == ["anything-v3", "pocket", "sd15", "sd21", "sdxl"]
    sd15 = listed("sd15")
    assert (sd15["state"], sd15["locked"], sd15["remedy"]) == ("not fetched", False, "dreamtuner models fetch sd15")
    assert (sd15["licence"], sd15["commercial"], sd15["ships"]) == ("CreativeML-OpenRAIL-M", True, True)
    assert listed("pocket")["state"] == "ready"
    assert "not fetched" in CliRunner().invoke(app, ["models", "list"]).stdout
    assert not home.exists()


def test_a_model_is_added_checked_and_removed(home: Path, model: Path, tmp_path: Path) -> None:
    done = run("add", "mine", str(model), "--clip", str(clip(tmp_path / "clip")), "--licence", "mit", "--no-picture")
    assert (done["licence"], done["commercial"], done["resolution"], done["notes"]) == ("MIT", True, 64, [])
    assert listed("mine")["state"] == "ready"
    found = run("check", "mine")
    assert found["ok"]
    assert found["models"][0]["images"] == []

    config = model / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text() + " ")
    (model / "unet" / "more.txt").write_text("loaded by nobody, but it counts")
    found = run("check", code=1)
    mine = next(one for one in found["models"] if one["name"] == "mine")
    assert mine["problems"] == []
    assert [one.partition(" ")[2].partition(" ")[0] for one in mine["changed"]] == [
        "scheduler/scheduler_config.json",
        "unet/more.txt",
    ]
    done = run("fetch", "mine", "--offline")
    assert done["changed"] == ["weights: scheduler/scheduler_config.json", "weights: unet/more.txt"]
    assert run("check", "mine")["ok"]

    os.truncate(model / UNET, 100)
    assert "the download is incomplete" in run("check", "mine", code=1)["models"][0]["problems"][0]
    done = run("remove", "mine")
    assert [Path(one).name for one in done["removed"]] == ["mine.yaml", "mine.lock.json"]
    assert done["kept"] == [str(model), str(tmp_path / "clip")]
    assert "mine" not in [one["name"] for one in run("list")["models"]]


def test_what_is_refused_is_one_sentence(home: Path, model: Path) -> None:
    runner = CliRunner()
    for words, kind, said in (
        (["add", "mine", str(model / "none")], IntakeError, "no such file or folder"),
        (["add", "mine", "o/n", "--offline"], IntakeError, "the net is not used"),
        (["add", "pocket", str(model)], IntakeError, "embedded profile"),
        (["fetch", "sd15", "--offline"], IntakeError, "the net is not used"),
        (["fetch", "none"], IntakeError, "there is no file of a profile"),
        (["remove", "sd15"], IntakeError, "is not fetched; there is nothing to remove"),
        (["remove", "none"], IntakeError, "there is no profile 'none'"),
        (["check", "none"], UnknownNameError, "there is no profile 'none'"),
    ):
        done = runner.invoke(app, ["models", *words])
        assert isinstance(done.exception, kind), done.output
        assert said in str(done.exception)


def test_exit_codes_tell_bad_input_from_a_hub_that_fails() -> None:
    from deploy.cli.error_message import is_bad_input, sentence

    assert is_bad_input(IntakeError("a"))
    assert not is_bad_input(HubError("the hub does not answer"))
    assert sentence(HubError("the hub does not answer"), None) == "the hub does not answer"


def test_a_model_that_images_were_made_with_is_removed_only_by_force(
    home: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage.catalog import views
    from storage.catalog.views import ProfileUse

    run("add", "mine", str(model), "--no-picture", "--offline")
    assert Resources.open().catalog is not None
    monkeypatch.setattr(views, "profile_uses", lambda s, name: [ProfileUse("w", None, None, 3, 2)])
    done = CliRunner().invoke(app, ["models", "remove", "mine"])
    assert "2 images were generated with the profile mine" in str(done.exception)
    assert (home / "profiles" / "mine.yaml").is_file()
    assert run("check", "mine")["models"][0]["images"] == [
        {"weights_digest": "w", "present": False, "cells": 3, "images": 2}
    ]
    assert run("remove", "mine", "--force")["images"] == 2


@pytest.mark.slow
def test_a_single_file_is_taken_in_as_a_folder_and_converted_on_request(home: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "tiny.safetensors", tmp_path / "out"
    write_single_file("sd15", file)
    done = run("convert", str(file), str(out))
    assert (done["kind"], done["made"], done["out"]) == ("sd15", True, str(out))
    assert not run("convert", str(file), str(out))["made"]
    done = run("add", "mine", str(file), "--no-picture")
    assert Path(done["weights"]).parent == home / "models"
    assert done["source"] == str(file)
    assert any("safety checker is left out" in one for one in done["notes"])
    assert run("check", "mine")["ok"]
    assert run("add", "mine", str(file), "--no-picture", "--force")["weights"] == done["weights"]


def test_a_file_that_is_no_model_is_refused_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    save_file({"lora_unet_a.lora_up.weight": torch.ones(2, 2)}, tmp_path / "style.safetensors")
    (tmp_path / "text.safetensors").write_text("not weights" * 20)
    for name, why in (("style", "is a LoRA, not a model"), ("text", "is not a safetensors file")):
        done = CliRunner().invoke(app, ["models", "add", "mine", str(tmp_path / f"{name}.safetensors")])
        assert isinstance(done.exception, IntakeError)
        assert why in str(done.exception)
    assert not (home / "models").exists()


def test_an_auxiliary_model_is_listed_fetched_and_checked(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def row() -> dict[str, Any]:
        return next(one for one in run("list")["auxiliary"] if one["name"] == "dino-vits16")

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert (row()["state"], row()["remedy"]) == ("not fetched", "dreamtuner models fetch dino-vits16")
    assert (row()["licence"], row()["commercial"]) == ("Apache-2.0", True)
    assert run("check", "dino-vits16", code=1)["models"][0]["problems"] == [
        "is not on this machine; get it with: dreamtuner models fetch dino-vits16"
    ]
    snapshot = in_cache(tmp_path / "cache", "facebook/dino-vits16")
    written(snapshot, "config.json", {"model_type": "vit"})
    written(snapshot, "model.safetensors", {"embeddings.cls_token": (1, 1, 4)})
    done = run("fetch", "dino-vits16")
    assert (done["files"], done["source"]) == (2, f"facebook/dino-vits16@{snapshot.name}")
    assert (row()["state"], row()["locked"], row()["weights"]) == ("ready", True, str(snapshot))
    assert "dino-vits16" in [one["name"] for one in run("check")["models"]]
    (snapshot / "config.json").write_text('{"model_type": "vit", "hidden_size": 3}')
    assert run("check", "dino-vits16", code=1)["models"][0]["changed"][0].startswith("weights: config.json has")
    done = run("remove", "dino-vits16")
    assert [Path(one).name for one in done["removed"]] == ["dino-vits16.lock.json"]
    assert (row()["state"], snapshot.is_dir()) == ("not fetched", True)
