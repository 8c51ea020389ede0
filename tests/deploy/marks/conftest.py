"""A house that marks pictures, and pictures that are natural enough."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from deploy.marks.facts import Facts
from deploy.marks.marker import Marker
from deploy.marks.settings import MarkSettings

FACTS = Facts(
    cell="01234567" * 8,
    prompt="a photo of a ☃ <bear>",
    negative_prompt="blurry",
    seed=7,
    profile="pocket",
    weights_digest="cd" * 32,
    sampling={"steps": 20, "w_c": 7.5, "w_ref": 3.0},
    recipe={"prompt": "a photo of a bear", "seed": 7},
    parents={"reference": "ef" * 32, "weights of pocket": "cd" * 32},
)


def natural(side: int = 512, seed: int = 0) -> Image.Image:
    """An image whose spectrum falls as one over the frequency, as those of photographs do."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    spectrum = np.fft.rfft2(rng.normal(size=(3, side, side))) / np.maximum(frequency, 1 / side)
    planes = np.fft.irfft2(spectrum, s=(side, side))
    planes = 128 + 50 * planes / planes.std(axis=(1, 2), keepdims=True)
    return Image.fromarray(np.clip(planes, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def png(image: Image.Image) -> bytes:
    """A PNG as the house stores it, with its recipe."""
    text, buffer = PngInfo(), io.BytesIO()
    text.add_text("dreamtuner", '{"prompt": "a photo of a bear"}')
    image.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


@pytest.fixture
def marker(tmp_path: Path) -> Marker:
    return Marker(MarkSettings(keys=tmp_path / "home" / "keys"))
