"""`dreamtuner bench eyes`: maskers are measured on known masks, the built-in ones and a user's own."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from deploy.cli.main import app
from tests.onnx_files import write_channel_mean


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """One image with its mask: a red square on white."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    for folder, mode, ground, fill in ((images, "RGB", "white", "red"), (masks, "L", 0, 255)):
        folder.mkdir()
        picture = Image.new(mode, (96, 96), ground)  # type: ignore[arg-type]
        picture.paste(fill, (24, 30, 70, 80))  # type: ignore[call-overload]
        picture.save(folder / "square.png")
    return images, masks


def measured(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["bench", "eyes", *words])
    return result.exit_code, result.output


def test_own_images_are_measured_and_shown(folders: tuple[Path, Path], tmp_path: Path) -> None:
    images, masks = folders
    sheet = tmp_path / "sheet.png"
    words = ("--masker", "plain", "--images", str(images), "--masks", str(masks), "--sheet", str(sheet), "--json")
    code, output = measured(*words)
    assert code == 0, output
    (found,) = json.loads(output)
    assert (found["masker"], found["group"], found["images"], found["flagged"]) == ("plain", "own", 1, 0)
    assert found["iou"] > 0.95
    (step,) = found["calibration"]
    assert (step["at_least"], step["images"], step["wrong"]) == (0.9, 1, 0)
    with Image.open(sheet) as shown:
        assert shown.width > 3 * 200


def test_photographs_are_read_as_references_are(folders: tuple[Path, Path]) -> None:
    images, masks = folders
    with Image.open(images / "square.png") as opened:
        turned = opened.rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    (images / "square.png").unlink()
    turned.save(images / "square.JPG", "JPEG", quality=95, exif=exif)
    code, output = measured("--masker", "plain", "--images", str(images), "--masks", str(masks), "--json")
    assert code == 0, output
    assert json.loads(output)[0]["iou"] > 0.95


def test_tables_show_overlap_and_calibration(folders: tuple[Path, Path]) -> None:
    images, masks = folders
    code, output = measured("--masker", "plain", "--images", str(images), "--masks", str(masks))
    assert code == 0, output
    assert "missed %" in output
    assert "0.9 to 1.0" in output


def test_installed_networks_are_measured_and_a_missing_one_is_named(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    both = ("--images", str(folders[0]), "--masks", str(folders[1]), "--json")
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    assert "dreamtuner models fetch birefnet" in measured(*both, "--masker", "birefnet")[1]
    write_channel_mean(tmp_path / "isnet.onnx", side=32)
    monkeypatch.setenv("DREAMTUNER_ISNET_WEIGHTS", str(tmp_path / "isnet.onnx"))
    code, output = measured(*both)
    assert code == 0, output
    assert [one["masker"] for one in json.loads(output)] == ["grabcut", "plain", "auto", "isnet"]


def test_built_in_images_have_their_groups() -> None:
    code, output = measured("--masker", "plain", "--count", "2", "--json")
    assert code == 0, output
    found = {one["group"]: one for one in json.loads(output)}
    assert list(found) == ["scenes", "on plain", "drawings"]
    assert found["scenes"]["flagged"] == 1, "a scene is no plain ground"
    assert found["drawings"]["iou"] > 0.85


def test_what_does_not_belong_together_is_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    images, masks = folders
    both = ("--images", str(images), "--masks", str(masks))
    assert measured("--images", str(images)) == (
        2,
        "dreamtuner: --images and --masks belong together: give both folders, or neither to use the built-in images\n",
    )
    assert (
        "there is no masker 'scissors'; choose one of: grabcut, plain, auto"
        in measured(*both, "--masker", "scissors")[1]
    )
    Image.new("L", (5, 5)).save(masks / "square.png")
    assert "square.png is (5, 5), its image (96, 96)" in measured(*both)[1]
    (masks / "square.png").unlink()
    assert "there is no mask square.png for square.png; add it" in measured(*both)[1]
    assert measured(*both, "--sheet", str(tmp_path / "no" / "sheet.png"))[0] == 2
