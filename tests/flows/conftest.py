"""A home of its own for each test, the tiny model as its pocket, two references, and Prefect once per session."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from dreamtuner.profiles import Profile
from flows.settings import Settings
from tests.dreamtuner.conftest import tiny_profile

__all__ = ["tiny_profile"]


def subject_picture(colour: str) -> Image.Image:
    image = Image.new("RGB", (64, 64), "#90b070")
    ImageDraw.Draw(image).ellipse((16, 6, 48, 60), fill=colour)
    return image


@pytest.fixture
def references(tmp_path: Path) -> Path:
    folder = tmp_path / "references"
    folder.mkdir()
    subject_picture("red").save(folder / "pip.png")
    subject_picture("purple").save(folder / "momo.png")
    (folder / "cut.png").write_bytes((folder / "pip.png").read_bytes()[:80])
    return folder


@pytest.fixture
def settings(tmp_path: Path, tiny_profile: Profile, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(tiny_profile.weights))
    return Settings.load()


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[None]:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
