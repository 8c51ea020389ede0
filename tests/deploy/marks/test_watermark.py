"""The watermark is found after JPEG and resizing, changes little, and is seen nowhere else."""

import io
from math import exp

import numpy as np
import pytest
from PIL import Image

from deploy.marks.watermark.detect import FALSE_MARKS, THRESHOLD, detect
from deploy.marks.watermark.embed import PSNR, embed
from deploy.marks.watermark.pattern import BLOCKS, CHIPS, codewords, pattern
from deploy.marks.watermark.payload import Payload, chips_of, read
from tests.deploy.marks.conftest import natural

PAYLOAD = Payload("a1b2c3", "01234567")


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


@pytest.fixture(scope="module")
def marked() -> Image.Image:
    return embed(natural(), PAYLOAD)


def test_it_changes_little(marked: Image.Image) -> None:
    apart = np.asarray(marked, dtype=float) - np.asarray(natural(), dtype=float)
    assert 10 * np.log10(255**2 / (apart**2).mean()) >= PSNR - 0.3 >= 42  # rounding adds a twelfth


@pytest.mark.parametrize("quality", [95, 75])
def test_jpeg_leaves_it(marked: Image.Image, quality: int) -> None:
    found = detect(jpeg(marked, quality))
    assert (found.found, found.payload) == (True, PAYLOAD)


@pytest.mark.parametrize("size", [(256, 256), (384, 384), (700, 700), (400, 300)])
def test_resizing_leaves_it(marked: Image.Image, size: tuple[int, int]) -> None:
    found = detect(marked.resize(size, Image.Resampling.BICUBIC))
    assert (found.found, found.payload) == (True, PAYLOAD)


@pytest.mark.parametrize("colour", ["white", "black", (120, 130, 140)])
def test_a_flat_picture_carries_it_through_jpeg(colour: str | tuple[int, int, int]) -> None:
    flat = Image.new("RGB", (512, 512), colour)
    assert detect(jpeg(embed(flat, PAYLOAD), 75)).payload == PAYLOAD
    assert not detect(flat).found


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (64, 64), (513, 997)])
def test_any_size_can_be_embedded_and_looked_at(size: tuple[int, int]) -> None:
    image = natural(128).resize(size)
    assert embed(image, PAYLOAD).size == size
    assert not detect(image).found


def test_false_marks_are_bounded_whatever_the_picture() -> None:
    """Hoeffding: signs that are independent of the terms; here terms are the worst, all equal, and the signs drawn."""
    assert exp(-(THRESHOLD**2) / 2) == pytest.approx(FALSE_MARKS)
    assert FALSE_MARKS <= 1e-6
    signs = pattern().signs[pattern().chip < 0]
    assert abs(signs.mean()) < 4 / np.sqrt(signs.size)
    rng = np.random.default_rng(0)
    drawn = [abs(float(signs @ rng.choice([-1.0, 1.0], signs.size))) / np.sqrt(signs.size) for _ in range(300)]
    assert max(drawn) < THRESHOLD


def test_a_payload_is_read_back_with_errors_and_refused_with_many() -> None:
    rng = np.random.default_rng(1)
    chips = chips_of(PAYLOAD)
    assert chips.shape == (BLOCKS * CHIPS,)
    assert read(chips + rng.normal(scale=2.0, size=chips.shape)) == PAYLOAD
    assert read(-chips + rng.normal(scale=9.0, size=chips.shape)) is None
    assert np.array_equal(codewords()[:128] @ codewords()[:128].T, 128 * np.eye(128))


def test_the_pattern_is_the_same_for_ever() -> None:
    import hashlib

    found = pattern()
    given = found.signs.astype(np.int8).tobytes() + found.chip.astype("<i4").tobytes()
    assert hashlib.sha256(given).hexdigest()[:16] == "2186603f2a0b6ced"
