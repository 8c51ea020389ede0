"""Previews: an image in its own size and a fraction of its bytes, for reviewing over a slow line."""

import io

from PIL import Image

from storage.thumbnails import MAX_PIXELS

JPEG = "image/jpeg"
SMALL_BYTES = 256 * 1024
_QUALITY = 90


def preview(data: bytes) -> bytes | None:
    """Encode an image as JPEG at its own size, without subsampling of colours; None if that would save nothing.

    Images of up to SMALL_BYTES, and those that JPEG cannot hold (transparent, turned by EXIF, more than MAX_PIXELS,
    damaged), are to be shown as they are.
    """
    if len(data) <= SMALL_BYTES:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS or image.has_transparency_data or image.getexif().get(0x0112):
                return None
            profile, buffer = image.info.get("icc_profile"), io.BytesIO()
            image.convert("RGB").save(buffer, "JPEG", quality=_QUALITY, subsampling=0, icc_profile=profile)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return buffer.getvalue() if buffer.tell() < len(data) else None
