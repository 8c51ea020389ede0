"""Pictures to mark, the same on every machine: photographs and textures, noise like photographs', the demo's world.

The first are scikit-image's (astronaut, coffee, grass, ...), cropped, turned, scaled and toned at random, so a thousand
pictures come from about fifteen: they differ in content and sharpness less than a thousand photographs would.
"""

from __future__ import annotations

import random
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
from PIL import Image

Kind = Literal["photograph", "noise", "pocket"]
KINDS: tuple[Kind, ...] = ("photograph", "photograph", "photograph", "noise", "pocket")
"""What the pictures are, in turn: three in five are photographs and textures."""
SIDES = (512, 512, 640, 768, 1024)
PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png", "coins.png", "color.png"),
    *("grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg"),
)


def picture(number: int, side: int | None = None) -> tuple[Image.Image, Kind]:
    """Return the picture of this number, and what it is. `side`: its sides; None: 512 to 1024, not always square."""
    rng = random.Random(f"marks {number}")
    kind = KINDS[number % len(KINDS)]
    width, height = (side, side) if side else (rng.choice(SIDES), rng.choice(SIDES))
    if kind == "noise":
        return _noise(rng, width, height), kind
    image = _world(rng, max(width, height)) if kind == "pocket" else _photograph(rng.choice(PHOTOGRAPHS))
    return _varied(image, rng, width, height), kind


def _varied(image: Image.Image, rng: random.Random, width: int, height: int) -> Image.Image:
    """Crop, turn, scale and tone an image. It is enlarged by a half at the most, so that it stays as sharp as it is."""
    longest = min(image.width / width, image.height / height)
    least = min(longest, max(0.66, 0.4 * longest))
    scale = rng.uniform(least, longest)
    w, h = int(width * scale), int(height * scale)
    left, top = rng.randint(0, image.width - w), rng.randint(0, image.height - h)
    part = image.crop((left, top, left + w, top + h)).resize((width, height), Image.Resampling.LANCZOS)
    if rng.random() < 0.5:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    gamma = rng.uniform(0.7, 1.4)
    return part.point([round(255 * (value / 255) ** gamma) for value in range(256)] * 3)


def _noise(rng: random.Random, width: int, height: int) -> Image.Image:
    """Noise whose spectrum falls as that of photographs, by a power of the frequency from 0.8 to 1.5."""
    draw = np.random.default_rng(rng.randrange(2**32))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    shape = np.maximum(frequency, 1 / max(width, height)) ** -rng.uniform(0.8, 1.5)
    planes = np.fft.irfft2(np.fft.rfft2(draw.normal(size=(3, height, width))) * shape, s=(height, width))
    planes = rng.uniform(70, 180) + rng.uniform(15, 60) * planes / planes.std(axis=(1, 2), keepdims=True)
    return Image.fromarray(np.clip(planes, 0, 255).astype(np.uint8).transpose(1, 2, 0))


@cache
def _photograph(name: str) -> Image.Image:
    with Image.open(str(files("skimage.data") / name)) as image:
        return image.convert("RGB")


def _world(rng: random.Random, side: int) -> Image.Image:
    """Return a scene of the demo's world, as its renderer paints it."""
    from dreamtuner.pocket.world.context import Context
    from dreamtuner.pocket.world.identity import Identity
    from dreamtuner.pocket.world.render import render

    painted = render([Identity.from_seed(rng.randrange(10**6))], [Context.draw(rng)], side).image[0]
    return Image.fromarray((painted.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
