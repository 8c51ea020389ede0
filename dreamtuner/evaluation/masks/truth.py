"""Images whose true masks are known: the pocket world in scenes and on plain grounds, drawings, a user's folders."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dreamtuner.evaluation.masks.drawings import GROUNDS, KINDS, drawing
from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.identity import Identity
from dreamtuner.pocket.world.render import Rendered, render
from dreamtuner.preprocess import ImageError, ImageLimits, decode_image
from dreamtuner.preprocess.subject_mask import read_mask

IMAGES = (".png", ".jpg", ".jpeg", ".webp")
_FIRST = 1_000_000  # identities apart from those of training and of the other measurements
_CHUNK = 32
_LIMITS = ImageLimits(min_side=1)


class TruthError(ValueError):
    """Images and masks of a user do not belong together; the message names the file and the remedy."""


@dataclass(frozen=True)
class Known:
    """An image (RGB) with its true mask (L, 0 and 255, of the same size), of a group such as "scenes"."""

    name: str
    group: str
    image: Image.Image
    truth: Image.Image


def scenes(count: int) -> Iterator[Known]:
    """Yield subjects of the pocket world in its scenes, 64 x 64 pixels."""
    for at, drawn, row in _rendered(count):
        yield Known(f"scene-{at}", "scenes", _rgb(drawn.image[row].numpy()), _mask(drawn, row))


def on_plain(count: int) -> Iterator[Known]:
    """Yield the same subjects on white, grey, a gradient, white with a shadow, and white as JPEG at quality 75."""
    for at, drawn, row in _rendered(count):
        cover = drawn.mask[row].numpy()
        kind = ("white", "grey", "gradient", "shadow", "jpeg")[at % 5]
        size = cover.shape[-1]
        y, x = np.mgrid[:size, :size] / size
        back = np.ones((3, size, size))
        if kind == "grey":
            back *= 0.6
        elif kind == "gradient":
            back *= (0.5 + 0.4 * (x + y) / 2)[None]
        elif kind == "shadow":
            rows, columns = np.nonzero(cover[0] > 0.5)
            away = ((x - columns.mean() / size) / 0.25) ** 2 + ((y - rows.max() / size) / 0.06) ** 2
            back *= (1 - 0.3 * np.exp(-away))[None]
        image = _rgb(drawn.image[row].numpy() * cover + back * (1 - cover))
        yield Known(f"{kind}-{at}", "on plain", _jpeg(image) if kind == "jpeg" else image, _mask(drawn, row))


def drawings(count: int) -> Iterator[Known]:
    """Yield drawings of all kinds on all grounds in turn."""
    pairs = [(kind, ground) for kind in KINDS for ground in GROUNDS]
    random.Random(0).shuffle(pairs)
    for at in range(count):
        kind, ground = pairs[at % len(pairs)]
        image, truth = drawing(kind, ground, 1000 + at // len(pairs))
        yield Known(f"{kind}-{ground}-{at}", "drawings", image, truth)


def own(images: Path, masks: Path) -> Iterator[Known]:
    """Yield the images of a folder with the masks of the same names in another; a mask's white (>= 128) is subject.

    Both are read as a reference and its mask are: upright, in sRGB, and a mask's transparency before its brightness.

    Raises TruthError for a folder without images, an image without a mask, and a mask of another size.
    """
    files, all_masks = _images(images), _images(masks)
    if not files:
        raise TruthError(f"--images {images}: there are no images in it ({', '.join(IMAGES)})")
    for file in files:
        found = [one for one in all_masks if one.stem == file.stem]
        if not found:
            raise TruthError(f"--masks {masks}: there is no mask {file.stem}.png for {file.name}; add it")
        try:
            image = decode_image(file.read_bytes(), limits=_LIMITS).image
            truth = read_mask(found[0].read_bytes(), []).point(lambda value: 255 * (value >= 128))
        except (OSError, ImageError) as error:
            raise TruthError(f"{file.name} or its mask cannot be read ({error}); replace it") from error
        if image.size != truth.size:
            raise TruthError(f"--masks: {found[0].name} is {truth.size}, its image {image.size}; give both one size")
        yield Known(file.stem, "own", image, truth)


def _images(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.suffix.lower() in IMAGES) if folder.is_dir() else []


def _rendered(count: int) -> Iterator[tuple[int, Rendered, int]]:
    """Yield the number, the batch and the row in it of each of `count` subjects."""
    rng = random.Random(_FIRST)
    for start in range(0, count, _CHUNK):
        rows = range(start, min(start + _CHUNK, count))
        with torch.inference_mode():
            drawn = render([Identity.from_seed(_FIRST + at) for at in rows], [Context.draw(rng) for _ in rows])
        for row, at in enumerate(rows):
            yield at, drawn, row


def _rgb(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Image.Image:
    return Image.fromarray((values.transpose(1, 2, 0) * 255).round().clip(0, 255).astype(np.uint8))


def _mask(drawn: Rendered, row: int) -> Image.Image:
    return Image.fromarray(np.where(drawn.mask[row, 0].numpy() >= 0.5, 255, 0).astype(np.uint8))


def _jpeg(image: Image.Image) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return Image.open(buffer).convert("RGB")
