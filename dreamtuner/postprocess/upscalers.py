"""Upscalers, which enlarge a generated image, by name: the built-in Lanczos and the models that a profile declares.

A profile's `upscalers` name a folder of a Swin2SR (arXiv 2209.11345) as transformers saves it, or a single file of any
architecture that the library spandrel reads (ESRGAN and its kind), if that is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from PIL import Image

LANCZOS = "lanczos"
"""The built-in upscaler: Lanczos' filter, no model."""

Enlarge = Callable[[Image.Image], Image.Image]
"""RGB -> RGB, both sides multiplied by the model's own scale."""


class UpscalerError(ValueError):
    """An upscaler that cannot be used; the message names it and the remedy."""


def check_upscaler(name: str | None, declared: Mapping[str, Path]) -> None:
    """Raise UpscalerError unless the name is built in or declared by the profile, and its files can be read here."""
    if name in (None, LANCZOS):
        return
    if name not in declared:
        known = ", ".join((LANCZOS, *sorted(declared)))
        raise UpscalerError(f"there is no upscaler {name!r}; choose one of: {known}")
    place = declared[name]
    if place.is_dir() and (place / "config.json").is_file():
        return
    if not place.is_file():
        raise UpscalerError(f"upscaler {name!r}: {place} is missing; put it there, or choose another")
    _spandrel(name)


def enlarged(image: Image.Image, scale: float, upscaler: str | None, declared: Mapping[str, Path]) -> Image.Image:
    """Return an RGB image at `scale` times its size, each side rounded to a pixel.

    A model enlarges by its own scale; the difference to `scale` is made up by Lanczos' filter. Raises UpscalerError.
    """
    check_upscaler(upscaler, declared)
    size = (round(image.width * scale), round(image.height * scale))
    if upscaler not in (None, LANCZOS):
        image = _loaded(str(upscaler), declared[str(upscaler)])(image)
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


@lru_cache(maxsize=1)
def _loaded(name: str, place: Path) -> Enlarge:
    if place.is_dir():
        from dreamtuner.postprocess.swin2sr import load_swin2sr

        return load_swin2sr(place)
    return _spandrel(name)(place)


def _spandrel(name: str) -> Callable[[Path], Enlarge]:
    try:
        from dreamtuner.postprocess.spandrel_file import load_spandrel
    except ImportError as error:
        raise UpscalerError(
            f"upscaler {name!r}: single files need the library spandrel, which cannot be imported here ({error}); "
            "pip install spandrel, or declare a folder of a Swin2SR"
        ) from error
    return load_spandrel
