"""Auxiliary models in a hub's cache that is on this disk alone, and what the tests of backends do with an image."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw


@pytest.fixture
def image() -> Image.Image:
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (90, 140, 3), np.uint8))
    ImageDraw.Draw(picture).ellipse((30, 20, 90, 80), fill="red")
    return picture


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache, with which models are fetched offline."""
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "hub"
