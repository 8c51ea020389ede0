"""Converts what a file stores (palette, grey, 16 bit, CMYK, wide gamut, rotated) to upright 8-bit sRGB and alpha."""

import io
from functools import cache

import numpy as np
from PIL import Image, ImageCms, ImageOps


def upright(picture: Image.Image, ignored: list[str]) -> Image.Image:
    """Rotate and mirror by the EXIF orientation. Unreadable EXIF is ignored, as in browsers, and noted in `ignored`."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception as error:  # the pixels are decoded: whatever is odd in EXIF must not cost them
        ignored.append(f"the EXIF block cannot be read, so the picture is left as stored: {error}")
        return picture


def split_alpha(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Separate colours (mode L, RGB or CMYK, 8 bit) from alpha (mode L, or None if nothing is transparent)."""
    if picture.mode.startswith("I"):
        return _from_16_bit(picture)
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        alpha = rgba.getchannel("A")
        return rgba.convert("RGB"), None if _opaque(alpha) else alpha
    if picture.mode in ("L", "RGB", "CMYK"):
        return picture, None
    return picture.convert("L" if picture.mode == "1" else "RGB"), None


def to_srgb(picture: Image.Image, profile: bytes | None, ignored: list[str]) -> Image.Image:
    """Convert colours from their ICC profile to sRGB (perceptual intent); without a usable profile, sRGB is assumed.

    A profile that is damaged, or made for another kind of image (an RGB profile on a grey image), is not used, which is
    noted in `ignored`.
    """
    if profile is None:
        return picture.convert("RGB")
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, source, _srgb(), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        ignored.append(f"the ICC profile cannot be used, so colours are taken as sRGB: {error}")
        return picture.convert("RGB")
    return converted if converted is not None else picture.convert("RGB")


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _opaque(alpha: Image.Image) -> bool:
    return bool(np.asarray(alpha).min() == 255)


def _from_16_bit(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Reduce 16-bit grey to its high byte: Pillow's own conversion clips at 255 and gives a white image."""
    values = np.asarray(picture).astype(np.int64)
    grey = Image.fromarray((values >> 8).clip(0, 255).astype(np.uint8))
    key = picture.info.get("transparency")
    if not isinstance(key, int) or not bool((values == key).any()):
        return grey, None
    return grey, Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8))
