"""Maskers by networks on a small ONNX model, against the published processing restated with torch's resampling."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import interpolate

from dreamtuner.models.auxiliary import AUXILIARY
from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.models.auxiliary.web_file import web_file
from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.intake.sources import hub_source
from dreamtuner.models.licences import Purpose, allowed
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.backends.maskers.segmenter import Segmenter, certainty
from dreamtuner.preprocess.backends.onnx_session import opened, threads
from dreamtuner.preprocess.maskers import MASKERS, found_by
from tests.auxiliary_models import in_cache
from tests.onnx_files import write_channel_mean

pytest.importorskip("onnxruntime")
Floats = NDArray[np.float64]
SIDE = 96
NAMES = ("isnet", "anime", "birefnet", "birefnet-lite", "inspyrenet")
MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("ISNET", "ANIME_SEG", "BIREFNET", "BIREFNET_LITE", "INSPYRENET"):
        monkeypatch.delenv(f"DREAMTUNER_{name}_WEIGHTS", raising=False)


@pytest.fixture
def image() -> Image.Image:
    """A bright subject on a ground of 0.4: of the two, only scaling to the range makes 0.55 subject."""
    picture = Image.new("RGB", (300, 200), (102, 102, 102))
    picture.paste((245, 250, 255), (60, 40, 220, 160))
    return picture


def blurred(size: tuple[int, int]) -> Image.Image:
    """An image without edges, which every resampling takes for nearly the same."""
    x, y = np.meshgrid(np.linspace(0, 3, size[0]), np.linspace(0, 2, size[1]))
    waves = [0.5 + 0.45 * np.sin(x * a + y * b + a) for a, b in ((1, 2), (2, -1), (0.7, 1.5))]
    return Image.fromarray((np.stack(waves, axis=-1) * 255).astype(np.uint8))


def fetched(name: str, hub: Path) -> Segmenter:
    """A masker whose model, the mean of the channels, was fetched without network: from the hub's cache or a copy."""
    masker = MASKERS[name]
    assert isinstance(masker, Segmenter)
    model = AUXILIARY[masker.model]
    if model.is_web_file:
        file = web_file(model.name, model.source)
    else:
        source = hub_source(model.source)
        file = in_cache(hub, source.repository) / source.path
    file.parent.mkdir(parents=True, exist_ok=True)
    write_channel_mean(file, side=SIDE)
    with pytest.MonkeyPatch.context() as patch:
        stated = model.model_copy(update={"sha256": file_sha256(file)}) if model.is_web_file else model
        patch.setattr(AUXILIARY, "get", lambda name: stated)
        fetch_auxiliary(model.name)
    return masker


def published(name: str, image: Image.Image) -> Floats:
    """The processing of the model's release, with the mean of the channels for a network."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].double() / 255
    height, width = pixels.shape[-2:]

    def resized(values: torch.Tensor, *, smooth: bool = False) -> torch.Tensor:
        return interpolate(values, (SIDE, SIDE), mode="bilinear", antialias=smooth)

    def network(values: torch.Tensor) -> torch.Tensor:
        return values.mean(dim=1, keepdim=True)

    if name == "anime":
        scale = SIDE / max(height, width)
        inner = (int(height * scale), int(width * scale))
        found = interpolate(network(interpolate(pixels, inner, mode="bilinear")), (height, width), mode="bilinear")
    elif name == "isnet":
        found = interpolate(network(resized(pixels) - 0.5), (height, width), mode="bilinear")
        found = (found - found.min()) / (found.max() - found.min())
    else:
        normal = (resized(pixels, smooth=True) - MEAN[:, None, None]) / DEVIATION[:, None, None]
        found = network(normal).sigmoid()
        if name == "inspyrenet":
            found = (found - found.min()) / (found.max() - found.min() + 1e-8)
            found = interpolate(found, (height, width), mode="bilinear", align_corners=True)
        else:
            found = interpolate((found * 255).floor() / 255, (height, width), mode="bicubic")
    return np.asarray(found[0, 0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(300, 200), (70, 130)])
def test_processing_is_that_of_the_release(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    masker, image = fetched(name, tmp_path / "hub"), blurred(size)
    soft = masker.soft(opened(masker.place(), masker.version), image)
    assert soft.shape == size[::-1]
    truth = published(name, image)
    edge = 4  # resamplings differ in what they take to lie beyond the border
    assert np.abs(soft - truth)[edge:-edge, edge:-edge].max() < 0.02
    found = found_by(masker, image)
    assert found.method == f"{name}-{masker.version}"
    assert (np.asarray(found.mask) == 255).mean() == pytest.approx((truth > 0.5).mean(), abs=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_is_missing_is_named_with_its_command(name: str, image: Image.Image) -> None:
    masker = MASKERS[name]
    assert isinstance(masker, Segmenter)
    assert masker.version == "1-missing"
    with pytest.raises(WeightsMissingError, match=f"dreamtuner models fetch {masker.model}"):
        masker.cut(image)
    assert allowed(AUXILIARY[masker.model].licence, Purpose()).allowed


def test_isnet_scales_its_output_to_its_range(tmp_path: Path, image: Image.Image) -> None:
    dim = image.point(lambda value: value // 2)  # below 0.5 everywhere
    found = found_by(fetched("isnet", tmp_path / "hub"), dim)
    truth = np.zeros((200, 300), np.uint8)
    truth[40:160, 60:220] = 255
    assert (np.asarray(found.mask) != truth).mean() < 0.01
    assert found.confidence > 0.9
    assert not found.doubtful


def test_anime_takes_the_output_as_it_is(tmp_path: Path, image: Image.Image) -> None:
    masker = fetched("anime", tmp_path / "hub")
    found = found_by(masker, image)
    truth = np.zeros((200, 300), np.uint8)
    truth[40:160, 60:220] = 255
    assert (np.asarray(found.mask) != truth).mean() < 0.02
    assert found.doubtful, "the ground is at 0.4: the network would be of two minds"
    empty = found_by(masker, image.point(lambda value: value // 2))
    assert (empty.mask.getextrema(), empty.confidence) == ((0, 0), 0.0)


def test_confidence_is_the_share_of_pixels_that_the_network_is_sure_of() -> None:
    soft = np.zeros((10, 10), np.float32)
    assert certainty(soft) == 0
    soft[:6] = 0.95
    assert certainty(soft) == 1
    soft[6:8] = 0.5
    assert certainty(soft) == 60 / 80


def test_a_file_of_ones_own_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: Image.Image) -> None:
    write_channel_mean(tmp_path / "own.onnx")
    monkeypatch.setenv("DREAMTUNER_BIREFNET_WEIGHTS", str(tmp_path / "own.onnx"))
    box = found_by(MASKERS["birefnet"], image).mask.getbbox()
    assert box is not None
    assert np.abs(np.subtract(box, (60, 40, 220, 160))).max() <= 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"channels": 4}, r"masker isnet takes \[1, 4, 96, 96\], not one image .* dreamtuner models fetch isnet"),
        ({"axis": 2}, r"masker isnet gives \[1, 3, 1, 96\], not .* set DREAMTUNER_ISNET_WEIGHTS"),
    ],
)
def test_another_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: Image.Image, wrong: dict[str, int], says: str
) -> None:
    write_channel_mean(tmp_path / "other.onnx", side=SIDE, **wrong)
    monkeypatch.setenv("DREAMTUNER_ISNET_WEIGHTS", str(tmp_path / "other.onnx"))
    with pytest.raises(PluginError, match=says):
        MASKERS["isnet"].cut(image)


def test_a_file_that_is_no_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: Image.Image) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    monkeypatch.setenv("DREAMTUNER_ISNET_WEIGHTS", str(tmp_path / "bad.onnx"))
    with pytest.raises(PluginError, match=r"bad\.onnx cannot be read as an ONNX model"):
        MASKERS["isnet"].cut(image)


def test_a_folder_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: Image.Image) -> None:
    write_channel_mean(tmp_path / "model.onnx")
    monkeypatch.setenv("DREAMTUNER_BIREFNET_WEIGHTS", str(tmp_path))
    with pytest.raises(PluginError, match="is no file; name the ONNX file itself"):
        MASKERS["birefnet"].cut(image)


def test_a_model_uses_the_threads_that_the_environment_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert threads() >= 1
