"""A home of its own for each test, the tiny model as its pocket, two references, and Prefect once per session."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from dreamtuner.models.profiles import Profile
from flows.execution.generation_worker import Worker
from flows.outcome import CellOutcomes
from flows.resources import Resources
from flows.settings import Settings
from tests.catalogs import copied_catalogs
from tests.dreamtuner.conftest import tiny_profile

__all__ = ["copied_catalogs", "tiny_profile"]

MakeCells = Callable[[Sequence[str]], CellOutcomes]


def subject_picture(colour: str) -> Image.Image:
    image = Image.new("RGB", (64, 64), "#90b070")
    ImageDraw.Draw(image).ellipse((16, 6, 48, 60), fill=colour)
    return image


def draw_references(parent: Path) -> Path:
    """A folder of two references and one that is cut off."""
    folder = parent / "references"
    folder.mkdir()
    subject_picture("red").save(folder / "pip.png")
    subject_picture("purple").save(folder / "momo.png")
    (folder / "cut.png").write_bytes((folder / "pip.png").read_bytes()[:80])
    return folder


@pytest.fixture
def references(tmp_path: Path) -> Path:
    return draw_references(tmp_path)


def home_settings(folder: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a home in this folder, whose pocket is the tiny model."""
    monkeypatch.setenv("DREAMTUNER_HOME", str(folder / "home"))
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(profile.weights))
    monkeypatch.setenv("DREAMTUNER_PATIENCE_SECONDS", "0")  # an outage by mistake is not waited for
    return Settings.load()


@pytest.fixture
def settings(tmp_path: Path, tiny_profile: Profile, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return home_settings(tmp_path, tiny_profile, monkeypatch)


@pytest.fixture
def led_settings(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The tiny model with a pose, a depth and a canny ControlNet of random weights."""
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    folder = tmp_path / "led"
    shutil.copytree(Resources.open(settings).profile("pocket").weights, folder)
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    with torch.random.fork_rng():
        torch.manual_seed(2)
        for kind in ("pose", "depth", "canny"):
            controlnet = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 8, 8))
            for parameter in controlnet.parameters():
                if not parameter.any():  # a new ControlNet's outputs are zero
                    torch.nn.init.normal_(parameter, std=0.1)
            controlnet.save_pretrained(folder / f"controlnet-{kind}")
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(folder))
    return Settings.load()


def pose_picture(lean: int = 0, side: int = 64) -> Image.Image:
    """A drawn skeleton."""
    image = Image.new("RGB", (side, side))
    draw, unit = ImageDraw.Draw(image), side // 64
    draw.line([unit * 32, unit * 10, unit * (32 + lean), unit * 52], "yellow", 3 * unit)
    draw.line([unit * 12, unit * (30 - lean), unit * 52, unit * 20], "cyan", 3 * unit)
    return image


@pytest.fixture
def layouts(tmp_path: Path) -> Path:
    """Two poses, one of twice the size, a depth map, and what is neither."""
    folder = tmp_path / "layouts"
    folder.mkdir()
    pose_picture().save(folder / "stand.png")
    pose_picture(8, 128).save(folder / "lean.png")
    Image.linear_gradient("L").resize((64, 64)).save(folder / "near.png")
    subject_picture("red").save(folder / "photo.png")
    pose_picture().resize((96, 96)).save(folder / "odd.png")
    return folder


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[None]:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def make_cells() -> MakeCells:
    """What becomes of cells that a worker of its own claims and generates, all of them kept when it returns."""

    def make(digests: Sequence[str]) -> CellOutcomes:
        with Worker(Resources.open(), None) as worker:
            result = worker.make(digests)
        made = set(worker.made)  # uploads end in any order
        return replace(result, made=tuple(digest for digest in digests if digest in made))

    return make
