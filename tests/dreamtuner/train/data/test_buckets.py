"""Sizes of training images hold at most the square's pixels; a crop keeps the middle."""

import pytest
from PIL import Image

from dreamtuner.train.data.buckets import WIDEST, Crop, TooSmallError, bucket_sizes


@pytest.mark.parametrize("resolution", [64, 128, 512, 1024])
def test_sizes_fit_into_the_square(resolution: int):
    sizes = bucket_sizes(resolution, pixels_per_latent=8)
    assert sizes[0] == (resolution, resolution)
    for width, height in sizes:
        assert width * height <= resolution**2
        assert width % 8 == height % 8 == 0
        assert max(width / height, height / width) <= WIDEST
        assert (height, width) in sizes


def test_the_nearest_aspect_is_chosen():
    sizes = bucket_sizes(512, pixels_per_latent=8)
    assert Crop.of((600, 600), sizes).size == (512, 512)
    assert Crop.of((1600, 1200), sizes).size == (576, 448)
    with pytest.raises(TooSmallError, match="300 x 300 pixels are too few for 512 x 512"):
        Crop.of((300, 300), sizes)


def test_a_crop_keeps_the_middle():
    image = Image.new("RGB", (300, 100), "white")
    image.paste("black", (100, 0, 200, 100))
    assert max(high for _, high in Crop((50, 50)).apply(image).getextrema()) < 20  # the edges are smoothed
    mask = image.convert("L").point(lambda value: 255 - value)
    assert Crop((60, 20)).mask(mask).histogram()[255] == 20 * 20
