"""References without mask, caption, pose and depth, by built-in eyes: small models with random weights."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from dreamtuner.models.auxiliary import AUXILIARY
from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.models.intake.sources import hub_source
from flows.ingestion.captioning import captioner_for
from flows.ingestion.choice import BUILT_IN
from flows.ingestion.prepare import prepare
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.subject import SubjectSpec
from tests.auxiliary_models import in_cache, write_blip2, write_depth_anything
from tests.onnx_files import write_channel_mean
from tests.onnx_graphs import write_dwpose, write_tagger

WRITERS = {
    "anime-seg": lambda folder: write_channel_mean(folder / "isnetis.onnx"),
    "wd-vit-tagger-v3": write_tagger,
    "blip2-flan-t5-xl": write_blip2,
    "dwpose": lambda folder: write_dwpose(folder, bias=-2.2, gain=1),
    "depth-anything-v2-small": write_depth_anything,
}


@pytest.mark.slow
def test_two_references_are_masked_captioned_and_estimated_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name, write in WRITERS.items():
        write(in_cache(tmp_path / "hub", hub_source(AUXILIARY[name].source).repository))
        fetch_auxiliary(name)
    pictures = {"astronaut": data.astronaut()[:320, 60:380], "cat": data.chelsea()[:300, 80:380]}
    found = {}
    for (name, pixels), captioner in zip(pictures.items(), ("wd14", "blip-2"), strict=True):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        chosen = {"DREAMTUNER_MASKER": "anime", "DREAMTUNER_CAPTIONER": captioner}
        resources = Resources.open(Settings.load({"DREAMTUNER_HOME": str(tmp_path / "home"), **chosen}))
        subject = SubjectSpec(
            name=name, class_word=name, reference=str(tmp_path / f"{name}.png"), pose="auto", depth="auto"
        )
        found[name] = prepare(subject, resources)
    assert found["astronaut"].facts.caption.startswith("a photo of a astronaut, person ")
    assert found["cat"].facts.caption.startswith("a photo of a cat, ")
    for name, kinds in (("astronaut", {"pose", "depth"}), ("cat", {"depth"})):
        one = found[name]
        assert one.mask.method.startswith("anime-1-")
        images = {each.kind: Image.open(io.BytesIO(each.data)) for each in one.layouts}
        assert set(images) == set(one.facts.layouts) == kinds
        assert {image.size for image in images.values()} == {pictures[name].shape[1::-1]}
        assert ("dwpose found no person in the image" in one.warnings) == (name == "cat")
        assert all(np.ptp(np.asarray(image)) > 100 for image in images.values())


def test_auto_captions_anime_by_tags_and_other_styles_by_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen() -> list[str]:
        return [captioner_for(None, BUILT_IN, style).name for style in ("natural", "anime")]

    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    assert chosen() == ["class-word", "class-word"]
    write_tagger(tmp_path / "tagger")
    monkeypatch.setenv("DREAMTUNER_WD_VIT_TAGGER_V3_WEIGHTS", str(tmp_path / "tagger"))
    assert chosen() == ["class-word", "wd14"]
    for name in ("blip_base", "florence_2_base"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"DREAMTUNER_{name.upper()}_WEIGHTS", str(tmp_path / name))
    assert chosen() == ["florence-2", "wd14"]
