"""Maskers, which segment the subject of a reference, by name: the built-in GrabCut and those of plugins."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from PIL import Image

from dreamtuner.plugins import PluginError, Registry
from dreamtuner.preprocess.foreground import ForegroundMask

DEFAULT_MASKER = "grabcut"


class Masker(Protocol):
    """Segments a subject. One class per backend; each defines its own threshold for doubtful masks."""

    @property
    def name(self) -> str:
        """The name by which settings choose it."""
        ...

    @property
    def version(self) -> str:
        """The version, which changes whenever the masks of the same image would; older masks are then recomputed."""
        ...

    def cut(self, image: Image.Image) -> ForegroundMask:
        """Return the mask of an RGB image, of its size. If nothing stands out it is empty, with confidence 0."""
        ...


def method_of(masker: Masker) -> str:
    """Return how a mask's origin is recorded: the masker's name and version, such as "grabcut-1"."""
    return f"{masker.name}-{masker.version}"


def found_by(masker: Masker, image: Image.Image) -> ForegroundMask:
    """Return a masker's mask of an RGB image, with its origin recorded.

    Raises PluginError unless it is valid: mode L, of the image's size, only 0 and 255, confidence in 0..1.
    """
    found = masker.cut(image)
    mask = found.mask
    fits = mask.mode == "L" and mask.size == image.size and not any(mask.histogram()[1:255])
    if not fits or not 0 <= found.confidence <= 1:
        raise PluginError(
            f"the masker {masker.name!r} gave mode {mask.mode}, {mask.width} x {mask.height} pixels and a confidence "
            f"of {found.confidence} for an image of {image.width} x {image.height}; it must give mode L of the image's "
            "size with 0 and 255 alone, and a confidence in 0..1"
        )
    return replace(found, method=method_of(masker))


MASKERS: Registry[Masker] = Registry(
    "masker",
    "dreamtuner.maskers",
    {DEFAULT_MASKER: "dreamtuner.preprocess.grabcut:GrabCutMasker"},
    needs=("name", "version", "cut"),
)
