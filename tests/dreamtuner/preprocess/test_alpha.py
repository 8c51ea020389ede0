"""Alpha channels that say nothing about a subject are no masks."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dreamtuner.preprocess import decode_image
from dreamtuner.preprocess.alpha import says_nothing


def drawn(
    shape: str, box: tuple[float, float, float, float], size: tuple[int, int] = (96, 64), **more: int
) -> Image.Image:
    """Antialiased, as programs export it."""
    alpha = Image.new("L", (4 * size[0], 4 * size[1]))
    left, top, right, bottom = (4 * one for one in box)
    getattr(ImageDraw.Draw(alpha), shape)((left, top, right - 1, bottom - 1), fill=255, **more)
    return alpha.resize(size, Image.Resampling.BOX)


WHOLE = (0, 0, 96, 64)


@pytest.mark.parametrize(
    "alpha",
    [
        Image.new("L", (96, 64), 254),
        Image.new("L", (96, 64), 200),
        drawn("rounded_rectangle", WHOLE, radius=16),
        drawn("rounded_rectangle", WHOLE, radius=80),
        drawn("rounded_rectangle", (2, 2, 94, 62), radius=30),
        drawn("rectangle", (1, 1, 95, 63)),
        drawn("rectangle", (4, 3, 96, 64)),
        drawn("ellipse", (0, 0, 64, 64), (64, 64)),
    ],
)
def test_nothing_is_said_by_a_frame(alpha: Image.Image) -> None:
    assert says_nothing(alpha) is not None


@pytest.mark.parametrize(
    "alpha",
    [
        Image.new("L", (96, 64)),  # transparent all over: refused as a mask, in its own words
        drawn("ellipse", (20, 5, 70, 60)),
        drawn("ellipse", WHOLE),  # an oval subject, cropped to its bounding box
        drawn("rectangle", (16, 0, 80, 64)),
        drawn("polygon", (48, 0, 96, 64)),
        drawn("rectangle", (0, 20, 96, 64)),  # cut off on three sides
    ],
)
def test_a_subject_is_said(alpha: Image.Image) -> None:
    assert says_nothing(alpha) is None


def rgba(colours: Image.Image, alpha: Image.Image) -> bytes:
    picture, buffer = colours.copy(), io.BytesIO()
    picture.putalpha(alpha)
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def photo() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 96, 3), np.uint8))


@pytest.mark.parametrize("alpha", [Image.new("L", (96, 64), 254), drawn("rounded_rectangle", WHOLE, radius=16)])
def test_without_a_meaning_the_picture_is_that_of_the_opaque_file_and_that_is_told(alpha: Image.Image) -> None:
    decoded = decode_image(rgba(photo(), alpha))
    assert decoded.alpha is None
    assert decoded.image.tobytes() == photo().tobytes()
    (said,) = decoded.warnings
    assert said.startswith("the alpha channel marks no subject")


def test_colours_that_a_program_wiped_stay_hidden() -> None:
    alpha = drawn("rounded_rectangle", WHOLE, radius=16)
    colours = Image.composite(
        photo(), Image.new("RGB", (96, 64)), alpha.point(lambda value: 255 if value >= 128 else 0)
    )
    decoded = decode_image(rgba(colours, alpha))
    assert decoded.alpha is None
    assert decoded.image.getpixel((0, 0)) == (255, 255, 255)


def test_a_cut_out_keeps_its_alpha_and_is_told_nothing() -> None:
    decoded = decode_image(rgba(photo(), drawn("ellipse", (20, 5, 70, 60))))
    assert decoded.alpha is not None
    assert decoded.warnings == ()
