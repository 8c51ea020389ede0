"""Sizes of training images by aspect ratio, and the crop that brings an image to one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from PIL import Image

Size = tuple[int, int]
"""Width and height, pixels."""
WIDEST = 2.0
"""The longest sides of a bucket are this many times the shortest."""
MOST_ENLARGED = 1.25
"""An image that would have to be enlarged more than this is too small to teach anything but blur."""


class TooSmallError(ValueError):
    """An image is too small for its bucket."""


def bucket_sizes(resolution: int, *, pixels_per_latent: int) -> tuple[Size, ...]:
    """Return the sizes of at most as many pixels as the square has, which is first: 512x512, 448x576, 576x448, ...

    Sides are multiples of 64, or of an eighth of a small resolution; for every short side the long one is the largest
    that fits.
    """
    step = max(pixels_per_latent, min(64, resolution // 8 // pixels_per_latent * pixels_per_latent))
    found = {(resolution, resolution)}
    for width in range(step, resolution, step):
        height = resolution * resolution // width // step * step
        if height / width <= WIDEST:
            found |= {(width, height), (height, width)}
    return tuple(sorted(found, key=lambda size: (abs(log(size[0] / size[1])), size)))


@dataclass(frozen=True)
class Crop:
    """Enlarges or reduces an image to cover `size`, and cuts off what is left over on both sides alike."""

    size: Size

    @classmethod
    def of(cls, image: Size, sizes: Sequence[Size]) -> Crop:
        """Return the crop to the size whose aspect ratio is the nearest. Raises TooSmallError."""
        aspect = log(image[0] / image[1])
        size = min(sizes, key=lambda one: (abs(log(one[0] / one[1]) - aspect), one))
        if max(size[0] / image[0], size[1] / image[1]) > MOST_ENLARGED:
            raise TooSmallError(f"{image[0]} x {image[1]} pixels are too few for {size[0]} x {size[1]}")
        return cls(size)

    def apply(self, image: Image.Image, resample: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
        """Return the image cut to size."""
        width, height = self.size
        scale = max(width / image.width, height / image.height)
        wide, tall = width / scale, height / scale  # of the part that stays, in the image's own pixels
        left, top = (image.width - wide) / 2, (image.height - tall) / 2
        return image.resize(self.size, resample, box=(left, top, left + wide, top + tall))

    def mask(self, mask: Image.Image) -> Image.Image:
        """Return a mask, L, cut to size: 255 where at least half of a pixel is subject, else 0."""
        return self.apply(mask, Image.Resampling.BOX).point(lambda value: 255 if value >= 128 else 0)
