"""What happens to a reference before the method sees it: decoded and checked, its subject cut from its background."""

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
