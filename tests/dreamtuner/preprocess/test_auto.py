"""AutoMasker: the filling on plain grounds, elsewhere the best network that is installed and allowed, else GrabCut."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dreamtuner.evaluation.masks.drawings import drawing
from dreamtuner.evaluation.masks.measure import iou
from dreamtuner.models.auxiliary import AUXILIARY
from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.models.auxiliary.place import auxiliary_lock
from dreamtuner.models.intake.lock import read_lock, write_lock
from dreamtuner.models.intake.sources import hub_source
from dreamtuner.models.licences import Purpose
from dreamtuner.preprocess.auto import AutoMasker
from dreamtuner.preprocess.backends.maskers.ranking import GENERAL, best_network
from dreamtuner.preprocess.grabcut import GrabCutMasker
from dreamtuner.preprocess.maskers import MASKERS, found_by, method_for, method_of, styled
from tests.auxiliary_models import in_cache
from tests.onnx_files import write_channel_mean


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("ISNET", "ANIME_SEG", "BIREFNET", "BIREFNET_LITE", "INSPYRENET"):
        monkeypatch.delenv(f"DREAMTUNER_{name}_WEIGHTS", raising=False)


@pytest.fixture
def isnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An IS-Net that takes what is bright for the subject."""
    pytest.importorskip("onnxruntime")
    write_channel_mean(tmp_path / "isnet.onnx", side=96)
    monkeypatch.setenv("DREAMTUNER_ISNET_WEIGHTS", str(tmp_path / "isnet.onnx"))


@pytest.fixture
def tiles() -> Image.Image:
    """A red subject on tiles, which are no plain ground."""
    y, x = np.mgrid[:64, :64]
    rgb = np.stack([x * 4 % 96 + 80, (y // 8 % 2) * 90 + 60, (x // 8 % 2) * 120 + 40], axis=2).astype(np.uint8)
    rgb[16:56, 20:44] = (220, 40, 40)
    return Image.fromarray(rgb)


def ball(subject: str, ground: str) -> Image.Image:
    image = Image.new("RGB", (200, 200), ground)
    ImageDraw.Draw(image).ellipse((60, 60, 140, 140), fill=subject)
    return image


def test_auto_takes_the_filling_where_the_ground_is_plain() -> None:
    image, truth = drawing("white", "white", 3)
    auto = AutoMasker()
    found = auto.cut(image)
    assert found.method == auto.method_for(image) == "plain-1"
    assert iou(found.mask, truth) > 0.9
    assert not found.doubtful


def test_auto_doubts_grabcut_where_the_filling_leaks() -> None:
    image = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(image).arc((60, 60, 190, 190), 20, 340, fill="black", width=3)
    assert AutoMasker().cut(image).doubtful


def test_auto_is_grabcut_where_the_ground_is_not_plain_and_no_network_is_installed(tiles: Image.Image) -> None:
    auto = AutoMasker()
    assert auto.method_for(tiles) == method_of(GrabCutMasker())
    assert auto.cut(tiles) == GrabCutMasker().cut(tiles)
    assert (auto.version, best_network()) == ("2", None)


def test_auto_uses_a_network_where_the_ground_is_not_plain(isnet: None, tiles: Image.Image) -> None:
    auto = AutoMasker()
    found, alone = found_by(auto, tiles), MASKERS["isnet"].cut(tiles)
    assert (found, found.method) == (alone, auto.method_for(tiles))
    assert auto.version == f"2+{found.method}"


def test_a_network_confirms_a_filling_or_makes_it_doubtful(isnet: None) -> None:
    alone, found = AutoMasker().plain.cut(ball("white", "#203040")), AutoMasker().cut(ball("white", "#203040"))
    assert found.method == "plain-1"
    assert alone.confidence < found.confidence
    other = AutoMasker().cut(ball("#203040", "white"))  # to the network, the ground is the subject
    assert other.method == "plain-1"
    assert other.doubtful


def test_the_best_network_comes_first_and_anime_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    for name in ("isnet", "birefnet-lite", "inspyrenet", "birefnet", "anime-seg"):
        write_channel_mean(tmp_path / f"{name}.onnx", side=8)
        variable = f"DREAMTUNER_{name.upper().replace('-', '_')}_WEIGHTS"
        monkeypatch.setenv(variable, str(tmp_path / f"{name}.onnx"))
        best = best_network()
        assert best is not None
        assert best.name == (name if name in GENERAL else "birefnet")
    image = Image.effect_noise((64, 64), 200).convert("RGB")
    methods = {style: method_for(styled(MASKERS["auto"], style), image) for style in ("natural", "anime")}
    assert {style: method.partition("-1-")[0] for style, method in methods.items()} == {
        "natural": "birefnet",
        "anime": "anime",
    }


def test_a_network_is_used_only_if_its_licence_allows_the_purpose(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    source = hub_source(AUXILIARY["birefnet"].source)
    file = in_cache(tmp_path / "hub", source.repository) / source.path
    file.parent.mkdir(parents=True)
    write_channel_mean(file, side=8)
    lock, _ = fetch_auxiliary("birefnet")
    assert best_network() is not None
    places = tuple(place.model_copy(update={"licence": "cc-by-nc-4.0"}) for place in lock.places)
    write_lock(lock.model_copy(update={"places": places}), auxiliary_lock("birefnet"))
    assert read_lock(auxiliary_lock("birefnet")) != lock
    assert best_network() is None
    assert best_network(purpose=Purpose(commercial=False)) is not None
