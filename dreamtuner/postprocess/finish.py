"""Applies the finishing steps of a recipe to generated images, in their order: enlarge, then cut out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from dreamtuner.postprocess.upscalers import enlarged
from dreamtuner.preprocess.maskers import MASKERS, found_by
from dreamtuner.settings.sampling import Sampling


def finished(images: Sequence[Image.Image], sampling: Sampling, upscalers: Mapping[str, Path]) -> list[Image.Image]:
    """Return the images enlarged by `sampling.upscale`, with the subject's mask as alpha if `cutout` names a masker.

    RGB in; RGB out, or RGBA with the colours below transparent pixels unchanged. `upscalers`: those of the profile.
    Raises UpscalerError, or PluginError if there is no such masker.
    """
    found = list(images)
    if sampling.upscale != 1:
        found = [enlarged(one, sampling.upscale, sampling.upscaler, upscalers) for one in found]
    if sampling.cutout is not None:
        masker = MASKERS[sampling.cutout]
        found = [cut_out(one, found_by(masker, one).mask) for one in found]
    return found


def cut_out(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Return an RGB image with a mask (L, 255 = subject, of its size) as its alpha channel."""
    cut = image.convert("RGB")
    cut.putalpha(mask)
    return cut
