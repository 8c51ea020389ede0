"""Training images are prepared by a profile's own eyes, networks of the real classes with random weights."""

import json
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from dreamtuner.models.profiles import Profile
from dreamtuner.train.data.prepared import InFolder, PreparedImages
from flows.settings import Settings
from flows.training.eyes import PrepareOptions
from flows.training.preparation import FAULTY
from tests.flows.test_eyes_end_to_end import fetched
from tests.flows.training.kitchen import Kitchen

__all__ = ["fetched"]
pytestmark = pytest.mark.slow


@pytest.fixture
def seeing(fetched: Path, led_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation whose masker, captioner and depth estimator are networks."""
    monkeypatch.setenv("DREAMTUNER_MASKER", "anime")
    monkeypatch.setenv("DREAMTUNER_CAPTIONER", "blip")
    monkeypatch.setenv("DREAMTUNER_ESTIMATORS", "depth=depth-anything-v2-small")
    return Settings.load()


def test_networks_mask_caption_and_estimate_and_faults_are_named(seeing: Settings, profile: Profile, tmp_path: Path):
    folder, out = tmp_path / "data", tmp_path / "out"
    folder.mkdir()
    Image.fromarray(data.astronaut()[:, :400]).save(folder / "eileen.png")
    Image.fromarray(data.chelsea()[:300, 100:400]).save(folder / "chelsea.jpg")
    (folder / "chelsea.txt").write_text("a cat by a wall")
    Image.new("RGB", (80, 64), "white").save(folder / "blank.png")
    Image.new("RGB", (600, 20), "red").save(folder / "thin.png")
    (folder / "cut.png").write_bytes((folder / "eileen.png").read_bytes()[:2000])
    (folder / "text.webp").write_text("no image")
    kitchen = Kitchen(profile, seeing, PrepareOptions(per_shard=4, class_word="woman"))
    manifest = kitchen.prepare(str(folder), str(out))
    faulty = json.loads((out / FAULTY).read_text())
    assert {"cut", "text"} <= set(faulty) <= {"cut", "text", "blank", "thin"}
    assert all(faulty.values())
    assert manifest.images == 6 - len(faulty)
    assert manifest.faulty == len(faulty)
    assert manifest.own_captions == 1
    assert manifest.plan.class_word == "woman"
    eyes = {kind: name.rsplit("-", 2)[0] for kind, name in manifest.plan.eyes.items()}
    assert eyes == {"masker": "anime", "captioner": "blip", "depth": "depth-anything-v2-small"}
    images = PreparedImages(InFolder(out))
    samples = {one.key: one for one in (images[i] for i in range(len(images)))}
    assert samples["chelsea"].caption == "a cat by a wall"
    assert samples["eileen"].caption.startswith("a photo of a woman")
    for one in (samples["chelsea"], samples["eileen"]):
        low, high = one.controls["depth"].getextrema()
        assert low < high, "the estimated depth is of a place with near and far"
        assert one.mask.getextrema() == (0, 255)
