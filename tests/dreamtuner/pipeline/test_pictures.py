"""One picture is the same picture in PIL, NumPy and PyTorch; what is none is refused by its argument's name."""

import numpy as np
import pytest
import torch
from PIL import Image

from dreamtuner.pipeline.image_inputs import Pictures, pil_images

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "given",
    [
        Image.fromarray(PIXELS),
        PIXELS,
        PIXELS / 255,
        PIXELS[None].astype(np.float32) / 255,
        torch.from_numpy(PIXELS).permute(2, 0, 1),
        torch.from_numpy(PIXELS).permute(2, 0, 1)[None].double() / 255,
        [Image.fromarray(PIXELS)],
    ],
)
def test_every_form_is_the_same_picture(given: Pictures) -> None:
    (picture,) = pil_images("image", given)
    assert picture is not None
    assert np.array_equal(np.asarray(picture), PIXELS)


def test_masks_are_of_one_channel() -> None:
    mask = PIXELS[..., 0] > 127
    for given in (mask, mask[..., None].astype(np.float32), torch.from_numpy(mask), torch.from_numpy(mask)[None, None]):
        (picture,) = pil_images("mask", given)
        assert picture is not None
        assert picture.mode == "L"
        assert np.array_equal(np.asarray(picture), mask * np.uint8(255))


def test_many_stay_in_order_and_none_stays_none() -> None:
    two = np.stack([PIXELS, 255 - PIXELS])
    pictures = pil_images("image", [two, None, Image.fromarray(PIXELS)])
    assert [picture is None for picture in pictures] == [False, False, True, False]
    assert np.array_equal(np.asarray(pictures[1]), 255 - PIXELS)
    assert pil_images("image", None) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (PIXELS.astype(np.float32), r"image: its values range from .*; give floats in 0\.\.1"),
        (PIXELS / 127.5 - 1, "image: its values range from -"),
        (np.full((4, 4, 3), np.nan), "image: its values range from nan"),
        (PIXELS.astype(np.int64), "image: its dtype is int64"),
        (torch.zeros(7, 4, 5), r"image: Tensor \(7, 4, 5\) is not an image"),
        (np.zeros(3), r"image: ndarray \(3,\) is not an image"),
        ("pip.png", "image: str .* is not an image"),
        (7, "image: int .* is not an image"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(given: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pil_images("image", given)  # type: ignore[arg-type]
