"""Previews: the same picture in fewer bytes, or the picture itself."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from storage.previews import SMALL_BYTES, preview


def photograph(side: int, mode: str = "RGB") -> Image.Image:
    """Smooth areas with grain, as a photograph has; its PNG is large."""
    coarse = np.random.default_rng(1).integers(40, 215, (8, 8, len(mode)), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse, mode).resize((side, side), Image.Resampling.BICUBIC)).astype(int)
    grain = np.random.default_rng(2).normal(0, 3, smooth.shape)
    return Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8), mode)


def encoded(image: Image.Image, kind: str = "PNG", **more: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_a_preview_is_the_picture_in_a_fraction_of_its_bytes() -> None:
    image = photograph(512)
    whole = encoded(image)
    small = preview(whole)
    assert small is not None
    assert len(small) < len(whole) / 3
    with Image.open(io.BytesIO(small)) as found:
        assert (found.format, found.size) == ("JPEG", image.size)
        assert np.abs(np.asarray(found).astype(int) - np.asarray(image)).mean() < 3


@pytest.mark.parametrize(
    "data",
    [
        encoded(photograph(64)),
        encoded(photograph(512, "RGBA")),
        encoded(photograph(512), exif=turned()),
        random.Random(1).randbytes(SMALL_BYTES + 1),
        encoded(photograph(512))[: SMALL_BYTES + 1],
        encoded(photograph(1024), "JPEG", quality=85),
    ],
    ids=["small", "transparent", "turned", "no picture", "cut off", "already JPEG"],
)
def test_what_a_preview_cannot_be_made_of_is_shown_as_it_is(data: bytes) -> None:
    assert preview(data) is None
