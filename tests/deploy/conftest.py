"""A home of its own for each test, the tiny model as its pocket, and a spec of two subjects."""

import os
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from dreamtuner.models.profiles import Profile
from tests.catalogs import copied_catalogs
from tests.dreamtuner.conftest import tiny_profile

__all__ = ["copied_catalogs", "tiny_profile"]

SPEC = """
name: trip
subjects:
  - {name: pip, class_word: bear, reference: pip.png}
  - {name: momo, class_word: rabbit, style: anime, reference: momo.png}
prompts: ["a {subject} on the beach", "a {subject} in the snow"]
seeds: [1, 2, 3, 4, 5, 6]
sampling: {steps: 12}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """24 cells."""
    for name, colour in (("pip", "red"), ("momo", "purple")):
        image = Image.new("RGB", (64, 64), "#90b070")
        ImageDraw.Draw(image).ellipse((16, 6, 48, 60), fill=colour)
        image.save(tmp_path / f"{name}.png")
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def environment(tmp_path: Path, tiny_profile: Profile, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a user's shell holds; also set in this process."""
    root = str(Path(__file__).resolve().parents[2])
    added = {
        "DREAMTUNER_HOME": str(tmp_path / "home"),
        "DREAMTUNER_POCKET_WEIGHTS": str(tiny_profile.weights),
        "DREAMTUNER_CHUNK_CELLS": "2",
        "PYTHONPATH": root,
    }
    for name, value in added.items():
        monkeypatch.setenv(name, value)
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
