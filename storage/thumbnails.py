"""Thumbnails of images for galleries: WebP, stored under the digest of the image."""

import io
import warnings
from collections.abc import Mapping

from PIL import Image, ImageOps

from storage.keys import thumbnail_key
from storage.metadata import without_metadata
from storage.objects import ObjectMissingError, ObjectStore, Put, get_blob

SIDE = 256  # pixels: the longer side of a thumbnail at most
WEBP = "image/webp"
_QUALITY = 82
MAX_PIXELS = 100_000_000


class NotAnImageError(ValueError):
    """The bytes are not an image, or a thumbnail cannot be created from it."""


def thumbnail(data: bytes) -> bytes:
    """Create a WebP thumbnail of `data` (PNG, JPEG or WebP), upright, at most SIDE pixels wide and high.

    Smaller ones keep their size. The EXIF orientation is applied, as it is where references are ingested.
    Raises NotAnImageError for anything else, and for more than MAX_PIXELS.
    """
    try:
        return _thumbnail(data)
    except NotAnImageError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        try:
            return _thumbnail(without_metadata(data, colour=False))  # the metadata may be broken
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise NotAnImageError(f"not a picture: {error}") from error


def _thumbnail(data: bytes) -> bytes:
    with (
        warnings.catch_warnings(action="ignore"),
        Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image,
    ):
        if image.width * image.height > MAX_PIXELS:
            raise NotAnImageError(f"{image.width} x {image.height} pixels are more than {MAX_PIXELS}; store it smaller")
        image.draft("RGB", (SIDE, SIDE))
        small = image.convert("RGBA" if image.has_transparency_data else "RGB")
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    small = _upright(small)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=_QUALITY, method=4)
    return buffer.getvalue()


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; unreadable EXIF is ignored."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # as in ingestion: invalid EXIF must not make the image unusable
        return image


def store_thumbnail(store: ObjectStore, sha256: str, data: bytes) -> bytes:
    """Create and store the thumbnail of the image `data` with digest `sha256`; return it."""
    small = thumbnail(data)
    store.put(thumbnail_key(sha256), small, content_type=WEBP)
    return small


def store_thumbnails(store: ObjectStore, pictures: Mapping[str, bytes]) -> None:
    """Create and store the thumbnails of several images, by digest."""
    made = {sha256: thumbnail(data) for sha256, data in pictures.items()}
    store.put_all([Put(thumbnail_key(sha256), small, WEBP) for sha256, small in made.items()])


def thumbnail_of(store: ObjectStore, sha256: str) -> bytes:
    """Return the thumbnail of a stored image, creating it if missing. Raises ObjectMissingError."""
    try:
        return store.get(thumbnail_key(sha256))
    except ObjectMissingError:
        return store_thumbnail(store, sha256, get_blob(store, sha256))
