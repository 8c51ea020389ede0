"""A subject-encoder's file: what its header says, its form as a folder, and its place in a profile."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file, save_file

from dreamtuner.models.encoders.add import add_encoder
from dreamtuner.models.encoders.file import CARD, CONFIG, FACTS, FORMAT, WEIGHTS, EncoderFile
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.profiles import get_profile
from tests.light_models import clip, stable_diffusion

BLOCK = "down_blocks.0.attentions.0.transformer_blocks.0"


def _file(folder: Path, *, block: str = BLOCK, vision: int = 6, **facts: object) -> Path:
    config = {"vision_width": vision, "blocks": {block: [8, 1]}, "_class_name": "SubjectEncoder"}
    told = {FORMAT: "1", CONFIG: json.dumps(config), FACTS: json.dumps({"steps": 5000, **facts}), CARD: "# A card"}
    save_file({"proj_in.weight": np.ones((2, 3), np.float16)}, folder / "encoder.safetensors", metadata=told)
    return folder / "encoder.safetensors"


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    stable_diffusion(tmp_path / "model")
    clip(tmp_path / "clip")
    place = tmp_path / "home" / "profiles"
    place.mkdir(parents=True)
    stated = {"weights": str(tmp_path / "model"), "clip": str(tmp_path / "clip"), "resolution": 64, "licence": "MIT"}
    (place / "mine.yaml").write_text("# my model\n" + yaml.safe_dump(stated))
    return [place]


def _add(file: Path, folders: list[Path], **more: bool) -> object:
    return add_encoder(file, "mine", folders=folders, models=folders[0].parent / "models", **more)


def test_an_encoder_is_added_to_a_profile(tmp_path: Path, folders: list[Path]):
    file = _file(tmp_path)
    assert not get_profile("mine", folders).has_encoder
    _add(file, folders)
    profile = get_profile("mine", folders)
    assert profile.has_encoder
    folder = profile.folder("subject_encoder")
    assert load_file(folder / WEIGHTS).keys() == {"proj_in.weight"}
    assert (folder / "README.md").read_text() == "# A card"
    assert (folders[0] / "mine.yaml").read_text().startswith("# my model\n")
    with pytest.raises(IntakeError, match="--force"):
        _add(file, folders)
    _add(file, folders, force=True)
    assert (folders[0] / "mine.yaml").read_text().count("subject_encoder:") == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"block": "mid_block.0"}, "trained for another U-Net"), ({"vision": 7}, "CLIP model of width 7")],
)
def test_an_encoder_of_another_model_is_refused(
    tmp_path: Path, folders: list[Path], wrong: dict[str, object], said: str
):
    before = (folders[0] / "mine.yaml").read_text()
    with pytest.raises(IntakeError, match=said):
        _add(_file(tmp_path, **wrong), folders)  # type: ignore[arg-type]
    assert (folders[0] / "mine.yaml").read_text() == before
    assert not (folders[0].parent / "models").exists()


def test_other_files_are_refused(tmp_path: Path):
    other = tmp_path / "lora.safetensors"
    save_file({"a": np.ones(3)}, other)
    with pytest.raises(IntakeError, match="not a subject-encoder"):
        EncoderFile.read(other)
    other.write_bytes(b"12345678" * 9)
    with pytest.raises(IntakeError, match="not a safetensors file"):
        EncoderFile.read(other)
    with pytest.raises(IntakeError, match="missing"):
        EncoderFile.read(tmp_path / "no.safetensors")


def test_what_the_user_should_know(tmp_path: Path, folders: list[Path]):
    done = add_encoder(
        _file(tmp_path, unet="0" * 64, profile="sd15", steps=3), "mine", folders=folders, models=tmp_path / "models"
    )
    assert "other weights of the same shapes (sd15)" in done.notes[0]
    assert "3 steps only" in done.notes[1]
