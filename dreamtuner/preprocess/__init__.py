"""What happens to a reference before the method sees it: decoded and checked, its subject cut from its background."""

from dreamtuner.preprocess.image import DecodedImage, ImageLimits, ImageRefused, decode_image
from dreamtuner.preprocess.mask import ForegroundMask, Masker, foreground_mask

__all__ = [
    "DecodedImage",
    "ForegroundMask",
    "ImageLimits",
    "ImageRefused",
    "Masker",
    "decode_image",
    "foreground_mask",
]
