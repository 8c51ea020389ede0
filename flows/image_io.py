"""Encodes and decodes stored images; every output carries its recipe in a PNG text chunk."""

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dreamtuner.preprocess import ImageLimits, decode_image

RECIPE_KEY = "dreamtuner"
PNG = "image/png"


def png_bytes(image: Image.Image, recipe: str | None = None) -> bytes:
    """Encode an image as PNG, with `recipe` (ASCII JSON) in its text chunk "dreamtuner"."""
    text = PngInfo()
    if recipe is not None:
        text.add_text(RECIPE_KEY, recipe)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def open_picture(data: bytes, mode: str) -> Image.Image:
    """Decode a PNG that we stored, to `mode`."""
    with Image.open(io.BytesIO(data)) as image:
        return image.convert(mode)


def open_output(data: bytes) -> Image.Image:
    """Decode a stored output: RGB, or RGBA if its background was removed."""
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")


def open_reference(data: bytes) -> Image.Image:
    """Decode a stored reference or control image as ingestion did, RGB and upright. Its size was checked then."""
    return decode_image(data, limits=ImageLimits(max_bytes=len(data), min_side=1)).image


def content_type(data: bytes) -> str:
    """Return the MIME type of a PNG, JPEG or WebP file by its first bytes."""
    if data.startswith(b"\x89PNG"):
        return PNG
    return "image/jpeg" if data.startswith(b"\xff\xd8") else "image/webp"
