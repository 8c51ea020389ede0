"""Preprocessing of a reference: decode and validate the image, and segment its subject."""

from .foreground import ForegroundMask
from .image import DecodedImage, ImageError, ImageLimits, decode_image
from .maskers import MASKERS, Masker
from .subject_mask import assessed, foreground_mask

__all__ = [
    "MASKERS",
    "DecodedImage",
    "ForegroundMask",
    "ImageError",
    "ImageLimits",
    "Masker",
    "assessed",
    "decode_image",
    "foreground_mask",
]
