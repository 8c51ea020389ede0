"""A home and a cache of their own, a small model in diffusers' layout, and a hub that serves it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub_server import Hub, Repository, hub_server
from tests.light_models import clip, stable_diffusion

MODEL = "someone/model"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DREAMTUNER_HOME, with the hub's cache in cache/."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_ENDPOINT", "DREAMTUNER_PROFILES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    (tmp_path / "home" / "profiles").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small model with a licence on its page and the spare files of real ones."""
    folder = stable_diffusion(tmp_path / "model")
    clip(folder / "tower")
    (folder / "README.md").write_text("---\nlicense: openrail++\n---\n# A model\n")
    (folder / "unet" / "diffusion_pytorch_model.non_ema.safetensors").write_bytes(b"spare")
    (folder / "model.ckpt").write_bytes(b"spare")
    return folder


@pytest.fixture
def hub(home: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub, which knows the small model as someone/model."""
    with hub_server() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.repositories[MODEL] = Repository(model)
        yield hub
