"""GrabCutMasker: it finds a clear subject, in photographs as in drawings, and says when it did not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image, ImageDraw

from dreamtuner.preprocess.foreground import ForegroundMask
from dreamtuner.preprocess.grabcut import GrabCutMasker

PHOTOGRAPHS = Path(skimage.__file__).parent / "data"

Draw = Callable[[ImageDraw.ImageDraw, float], None]


def iou(found: ForegroundMask, truth: Image.Image) -> float:
    a, b = np.asarray(found.mask) > 0, np.asarray(truth) > 0
    return float((a & b).sum() / (a | b).sum())


def teddy(size: tuple[int, int], noise: float = 4) -> tuple[Image.Image, Image.Image]:
    """A two-coloured animal on a beach, and its exact mask."""
    width, height = (4 * n for n in size)
    unit = min(width, height) / 100
    picture = Image.new("RGB", (width, height), "#8fd0f0")
    mask = Image.new("L", (width, height))
    draw, cut = ImageDraw.Draw(picture), ImageDraw.Draw(mask)
    draw.rectangle((0, 0.55 * height, width, 0.7 * height), fill="#3880c0")
    draw.rectangle((0, 0.7 * height, width, height), fill="#ecd9a0")

    def ball(x: float, y: float, radius: float, colour: str) -> None:
        place = (
            [width / 2 + (x + s * radius) * unit for s in (-1, 1)],
            [height / 2 + (y + s * radius) * unit for s in (-1, 1)],
        )
        for layer, fill in ((draw, colour), (cut, 255)):
            layer.ellipse((place[0][0], place[1][0], place[0][1], place[1][1]), fill=fill)

    for x, y, radius, colour in (
        (-13, -36, 7, "#b03030"), (13, -36, 7, "#b03030"), (0, -22, 18, "#d24b2b"), (-20, 8, 8, "#b03030"),
        (20, 8, 8, "#b03030"), (0, 14, 22, "#d24b2b"), (-12, 36, 9, "#b03030"), (12, 36, 9, "#b03030"),
        (0, 16, 11, "#7a2ec0"), (-6, -25, 2, "#101010"), (6, -25, 2, "#101010"),
    ):  # fmt: skip
        ball(x, y, radius, colour)
    pixels = np.asarray(picture.resize(size, Image.Resampling.BOX)).astype(float)
    pixels += np.random.default_rng(0).normal(0, noise, pixels.shape)
    small = mask.resize(size, Image.Resampling.BOX).point(lambda v: 255 if v > 127 else 0)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), small


@pytest.mark.parametrize("size", [(64, 64), (320, 240), (200, 700)])
def test_clear_subject_of_any_size_is_cut(size: tuple[int, int]) -> None:
    picture, truth = teddy(size)
    found = GrabCutMasker().cut(picture)
    assert found.mask.mode == "L"
    assert found.mask.size == size
    assert set(np.unique(np.asarray(found.mask))) == {0, 255}
    assert iou(found, truth) > 0.85


def test_clear_subject_is_trusted_and_the_same_picture_gives_the_same_mask() -> None:
    picture, _ = teddy((64, 64))
    found, again = GrabCutMasker().cut(picture), GrabCutMasker(threshold=0.999).cut(picture)
    assert found.confidence > 0.75
    assert not found.doubtful
    assert again.doubtful
    assert found.confidence == again.confidence
    assert found.mask.tobytes() == again.mask.tobytes()


# Places (x, y in shares of the picture) that are surely the subject, and ones that surely are not.
@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("coffee.png", [(0.47, 0.4), (0.2, 0.5), (0.7, 0.5)], [(0.03, 0.05), (0.95, 0.95), (0.9, 0.1)]),
        ("astronaut.png", [(0.43, 0.08), (0.44, 0.2), (0.45, 0.6)], [(0.6, 0.05), (0.97, 0.3), (0.2, 0.05)]),
        ("rocket.jpg", [(0.495, 0.5), (0.495, 0.35)], [(0.1, 0.1), (0.33, 0.5), (0.7, 0.5), (0.9, 0.5)]),
    ],
)
def test_photographs(name: str, inside: list[tuple[float, float]], outside: list[tuple[float, float]]) -> None:
    picture = Image.open(PHOTOGRAPHS / name).convert("RGB")
    found = GrabCutMasker().cut(picture)

    def at(place: tuple[float, float]) -> object:
        return found.mask.getpixel((int(place[0] * picture.width), int(place[1] * picture.height)))

    assert [at(place) for place in inside] == [255] * len(inside)
    assert [at(place) for place in outside] == [0] * len(outside)


def test_cat_that_fills_its_photograph_is_doubtful() -> None:
    assert GrabCutMasker().cut(Image.open(PHOTOGRAPHS / "chelsea.png").convert("RGB")).doubtful


def test_picture_without_a_subject_is_doubtful() -> None:
    assert GrabCutMasker().cut(Image.open(PHOTOGRAPHS / "grass.png").convert("RGB")).doubtful


def test_constant_picture_gives_an_empty_mask() -> None:
    found = GrabCutMasker().cut(Image.new("RGB", (70, 90), "teal"))
    assert found.mask.size == (70, 90)
    assert found.mask.getextrema() == (0, 0)
    assert found.confidence == 0
    assert found.doubtful


def test_a_long_strip_is_taken() -> None:
    picture = Image.new("RGB", (64, 2000), "white")
    picture.paste("red", (16, 900, 48, 1100))
    assert GrabCutMasker().cut(picture).mask.size == (64, 2000)
