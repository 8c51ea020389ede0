"""Preprocessing of a reference: decode and validate the image, and segment its subject."""

from dreamtuner.preprocess.foreground import ForegroundMask
from dreamtuner.preprocess.image import DecodedImage, ImageError, ImageLimits, decode_image
from dreamtuner.preprocess.maskers import MASKERS, Masker
from dreamtuner.preprocess.subject_mask import foreground_mask

__all__ = [
    "MASKERS",
    "DecodedImage",
    "ForegroundMask",
    "ImageError",
    "ImageLimits",
    "Masker",
    "decode_image",
    "foreground_mask",
]
