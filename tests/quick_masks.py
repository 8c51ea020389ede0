"""What stands out, told in a moment: for tests that are about what becomes of masks, not about how they are found."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.preprocess import ForegroundMask
from dreamtuner.preprocess.grabcut import GrabCutMasker
from dreamtuner.preprocess.maskers import method_of
from dreamtuner.preprocess.plain import PlainMasker

Floats = NDArray[np.float64]


def _differs(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels of an (H, W, 3) picture that are unlike its first one."""
    return np.asarray(np.abs(rgb.astype(int) - rgb[0, 0].astype(int)).sum(axis=2) > 60)


def _cut(masker: GrabCutMasker, image: Image.Image) -> ForegroundMask:
    found = _differs(np.asarray(image)).astype(np.uint8) * 255
    return ForegroundMask(Image.fromarray(found), 0.9, method_of(masker), doubtful=False)


def _not_plain(masker: PlainMasker, image: Image.Image) -> tuple[ForegroundMask, float]:
    return ForegroundMask(Image.new("L", image.size), 0.0, method_of(masker), doubtful=True), 0.0


def _saliency(rgb: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    found = _differs(rgb).astype(np.float64)
    return found, 1 - found


@pytest.fixture(autouse=True)
def quick_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks of a flat subject on a flat ground, without half a second of GrabCut each."""
    monkeypatch.setattr(GrabCutMasker, "cut", _cut)
    monkeypatch.setattr(PlainMasker, "examine", _not_plain)
    monkeypatch.setattr("dreamtuner.preprocess.doubt.saliency", _saliency)
