"""Pictures as bytes: what is stored, and the recipe that every output carries in its PNG text."""

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dreamtuner.preprocess import ImageLimits, decode_image

RECIPE_KEY = "dreamtuner"
PNG = "image/png"


def png_bytes(image: Image.Image, recipe: str | None = None) -> bytes:
    """The picture as PNG; `recipe` (ASCII JSON) becomes its text chunk "dreamtuner"."""
    text = PngInfo()
    if recipe is not None:
        text.add_text(RECIPE_KEY, recipe)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def open_picture(data: bytes, mode: str) -> Image.Image:
    """A stored PNG of ours, decoded to `mode`."""
    with Image.open(io.BytesIO(data)) as image:
        return image.convert(mode)


def open_reference(data: bytes) -> Image.Image:
    """A stored reference or layout as ingestion saw it, RGB and upright. Its size was judged then, by its settings."""
    return decode_image(data, limits=ImageLimits(max_bytes=len(data), min_side=1)).image


def content_type(data: bytes) -> str:
    """The MIME type of a PNG, JPEG or WebP file by its first bytes."""
    if data.startswith(b"\x89PNG"):
        return PNG
    return "image/jpeg" if data.startswith(b"\xff\xd8") else "image/webp"
