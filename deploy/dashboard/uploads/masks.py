"""Uploaded masks: decoded within limits and re-encoded, so that only pixels are stored."""

from __future__ import annotations

import io
import warnings

from PIL import Image

from storage.metadata import PNG, without_metadata
from storage.thumbnails import MAX_PIXELS, NotAnImageError


def read_mask(data: bytes, size: tuple[int, int]) -> bytes:
    """Return the mask as a greyscale PNG, 255 on the subject. A transparent image gives its alpha channel.

    Raises NotAnImageError unless `data` is a PNG, JPEG or WebP of exactly `size` (width, height in pixels) that
    contains both subject and background.
    """
    try:
        seen = _decoded(data, size)
    except NotAnImageError:
        raise
    except _UNREADABLE as error:
        try:
            if not data.startswith(PNG):
                raise
            seen = _decoded(without_metadata(data), size)  # the metadata may be broken
        except _UNREADABLE:
            raise NotAnImageError("mask: not a PNG, JPEG or WebP file; export it as PNG") from error
    low, high = seen.getextrema()
    if not (isinstance(low, int) and low < 128 <= int(high)):
        raise NotAnImageError("mask: it must show the subject in white and the background in black, some of each")
    buffer = io.BytesIO()
    seen.save(buffer, "PNG")
    return buffer.getvalue()


def _decoded(data: bytes, size: tuple[int, int]) -> Image.Image:
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.size != size or image.width * image.height > MAX_PIXELS:
            raise NotAnImageError(f"mask: {image.width} x {image.height} px; the reference is {size[0]} x {size[1]}")
        image.load()
        alpha = image.convert("RGBA").getchannel("A")
        # browsers write an alpha channel into every PNG: it is a mask only if it varies
        return image.convert("L") if alpha.getextrema() == (255, 255) else alpha


_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
_FORMATS = ("PNG", "JPEG", "WEBP")
