"""IS-Net maskers on a small ONNX model, against the published processing by Pillow and NumPy."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamtuner.models.auxiliary import AUXILIARY
from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.models.intake.sources import hub_source
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.maskers import MASKERS, found_by
from tests.auxiliary_models import in_cache
from tests.onnx_files import write_channel_mean


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("DREAMTUNER_ISNET_WEIGHTS", "DREAMTUNER_ANIME_SEG_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def image() -> Image.Image:
    """A bright subject on a ground of 0.4: of the two, only scaling to the range makes 0.55 subject."""
    picture = Image.new("RGB", (300, 200), (102, 102, 102))
    picture.paste((245, 250, 255), (60, 40, 220, 160))
    return picture


def test_isnet_scales_its_output_to_its_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: Image.Image
) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(WeightsMissingError, match="set DREAMTUNER_ISNET_WEIGHTS to an ONNX file"):
        MASKERS["isnet"].cut(image)
    write_channel_mean(tmp_path / "isnet.onnx")
    monkeypatch.setenv("DREAMTUNER_ISNET_WEIGHTS", str(tmp_path / "isnet.onnx"))
    dim = image.point(lambda value: value // 2)  # below 0.5 everywhere
    found = found_by(MASKERS["isnet"], dim)
    truth = np.zeros((200, 300), np.uint8)
    truth[40:160, 60:220] = 255
    assert (np.asarray(found.mask) != truth).mean() < 0.01
    assert found.method.startswith("isnet-1-")
    assert found.confidence > 0.95
    assert not found.doubtful


def test_anime_pads_to_a_square_and_takes_the_output_as_it_is(tmp_path: Path, image: Image.Image) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(WeightsMissingError, match="dreamtuner models fetch anime-seg"):
        MASKERS["anime"].cut(image)
    snapshot = in_cache(tmp_path / "hub", hub_source(AUXILIARY["anime-seg"].source).repository)
    write_channel_mean(snapshot / "isnetis.onnx")
    fetch_auxiliary("anime-seg")
    found = found_by(MASKERS["anime"], image)
    truth = np.zeros((200, 300), np.uint8)
    truth[40:160, 60:220] = 255
    assert (np.asarray(found.mask) != truth).mean() < 0.01
    assert found.doubtful, "the ground is at 0.4: the network would be of two minds"
    assert found_by(MASKERS["anime"], image.point(lambda value: value // 2)).mask.getextrema() == (0, 0)


def test_a_file_that_is_no_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: Image.Image) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    monkeypatch.setenv("DREAMTUNER_ISNET_WEIGHTS", str(tmp_path / "bad.onnx"))
    with pytest.raises(PluginError, match=r"bad\.onnx cannot be read as an ONNX model"):
        MASKERS["isnet"].cut(image)
    write_channel_mean(tmp_path / "small.onnx", side=64)
    monkeypatch.setenv("DREAMTUNER_ISNET_WEIGHTS", str(tmp_path / "small.onnx"))
    with pytest.raises(PluginError, match="does not take an image of 1024 x 1024"):
        MASKERS["isnet"].cut(image)
