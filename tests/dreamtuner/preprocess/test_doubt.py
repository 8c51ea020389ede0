"""Stated masks are doubted as found ones are, and truth is not."""

import io
from typing import Literal

import numpy as np
import pytest
from PIL import Image, ImageFilter

from dreamtuner.pocket.world import Context, Identity, render
from dreamtuner.preprocess import foreground_mask
from dreamtuner.preprocess.doubt import doubts

Pair = tuple[Image.Image, Image.Image]


def truth(number: int, *, x: float = 0.0, size: float = 1.0, style: Literal["natural", "anime"] = "natural") -> Pair:
    """A picture of the pocket world and its true mask."""
    who, scene = (
        Identity.from_seed(1_000_003 + 1009 * number),
        ("on the beach", "in the forest", "in a room")[number % 3],
    )
    drawn = render([who], [Context(scene=scene, pose="standing", style=style, x=x, size=size, seed=number)], 64)
    image = (drawn.image[0].permute(1, 2, 0) * 255).round().byte().numpy()
    return Image.fromarray(image), Image.fromarray((drawn.mask[0, 0] > 0.5).numpy().astype(np.uint8) * 255)


def half(mask: Image.Image) -> Image.Image:
    cut = mask.copy()
    cut.paste(0, (0, 0, 32, 64))
    return cut


def boxed(mask: Image.Image) -> Image.Image:
    box = Image.new("L", mask.size)
    box.paste(255, mask.getbbox())
    return box


# of each subject's picture one: it takes half a second to see what stands out
MEANT = [
    (1, {"x": 0.3, "size": 1.3}, lambda mask: mask),  # large, and cut off by the border
]
MORE = [
    (0, {}, lambda mask: mask),
    (2, {"style": "anime"}, lambda mask: mask.filter(ImageFilter.MaxFilter(9))),
    (3, {}, lambda mask: mask.filter(ImageFilter.MinFilter(3))),
    (4, {}, lambda mask: mask.filter(ImageFilter.GaussianBlur(2))),
    (5, {}, half),
    (6, {}, boxed),
]


@pytest.mark.parametrize(
    ("number", "how", "change"), [*MEANT, *(pytest.param(*one, marks=pytest.mark.slow) for one in MORE)]
)
def test_masks_that_can_be_meant_are_not_doubted(number: int, how: dict, change) -> None:  # type: ignore[no-untyped-def, type-arg]
    image, mask = truth(number, **how)
    found = foreground_mask(image, user_mask=change(mask))
    assert (found.confidence, found.doubtful, found.warnings) == (1.0, False, ())


@pytest.mark.parametrize("number", [0, pytest.param(4, marks=pytest.mark.slow)])
def test_an_inverted_mask_is_doubted_also_as_an_alpha_channel(number: int) -> None:
    image, mask = truth(number)
    inverted = Image.eval(mask, lambda value: 255 - value)
    for found in (foreground_mask(image, user_mask=inverted), foreground_mask(image, alpha=inverted)):
        assert found.doubtful
        assert found.confidence < 1
        assert any("contradicts what stands out" in why for why in found.warnings)
    assert any("border, as an inverted mask does" in why for why in found.warnings)


def test_a_photograph_is_no_mask() -> None:
    image, _ = truth(2)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    found = foreground_mask(image, user_mask=buffer.getvalue())
    assert found.doubtful
    assert "no black-and-white picture" in found.warnings[0]


@pytest.mark.parametrize(("box", "said"), [((28, 28, 36, 36), "nearly empty"), ((1, 0, 64, 63), "nearly full")])
def test_nearly_nothing_and_nearly_all_are_doubted(box: tuple[int, int, int, int], said: str) -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, box)
    assert any(said in why for why in doubts(mask, Image.new("RGB", (64, 64), "teal")))


def test_where_nothing_stands_out_nothing_is_contradicted() -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 30, 64))
    assert doubts(mask, Image.new("RGB", (64, 64), "teal")) == ()
