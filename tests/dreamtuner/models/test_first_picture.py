"""`models add` loads the model and generates an image before it writes anything."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from deploy.cli.commands.models import first_picture
from deploy.cli.main import app
from dreamtuner.models.profiles import Profile


def add(*words: str) -> tuple[int, str, BaseException | None]:
    done = CliRunner().invoke(app, ["models", "add", "mine", *words, "--licence", "mit", "--json"])
    return done.exit_code, done.stdout, done.exception


def test_one_image_is_generated_and_its_cost_is_said(
    home: Path, tiny_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_picture, "STEPS", 2)
    code, out, error = add(str(tiny_profile.weights))
    assert (code, error) == (0, None)
    said = json.loads(out.splitlines()[-1])
    assert (said["steps"], said["device"], said["resolution"]) == (2, "cpu", 64)
    assert min(said["load_s"], said["image_s"], said["memory_bytes"]) > 0
    with Image.open(said["picture"]) as image:
        assert image.size == (64, 64)
    assert (home / "profiles" / "mine.yaml").is_file()


def test_a_model_that_cannot_be_loaded_is_not_written(
    home: Path, tiny_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("size mismatch for conv_in.weight")

    monkeypatch.setattr("dreamtuner.families.registry.load_backbone", fails)
    assert "cannot be loaded (RuntimeError: size mismatch" in str(add(str(tiny_profile.weights))[2])
    monkeypatch.setattr("dreamtuner.families.inference_memory.free_bytes", lambda device: 100)
    assert "the weights of mine take" in str(add(str(tiny_profile.weights))[2])
    assert list((home / "profiles").glob("mine*")) == []
