"""Encodes a picture as PNG, JPEG or WebP with the texts that leave with it."""

from __future__ import annotations

import io
from typing import Any, Literal

from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

Format = Literal["PNG", "JPEG", "WEBP"]
QUALITY = 92
USER_COMMENT = 0x9286


def format_of(data: bytes) -> Format | None:
    """Return the format of a file by its first bytes; None for any other."""
    if data.startswith(b"\x89PNG"):
        return "PNG"
    if data.startswith(b"\xff\xd8"):
        return "JPEG"
    return "WEBP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def layers(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colours of an image, RGB, and its alpha channel, L; None if every pixel is opaque.

    The colours below transparent pixels are kept.
    """
    if not image.has_transparency_data:
        return image.convert("RGB"), None
    whole = image.convert("RGBA")
    alpha = whole.getchannel("A")
    return whole.convert("RGB"), None if alpha.getextrema() == (255, 255) else alpha


def over_white(colours: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """Return what `layers` split as an RGB image on a white ground, with its colour profile."""
    if alpha is None:
        return colours
    flat = Image.composite(colours, Image.new("RGB", colours.size, "white"), alpha)
    flat.info.update({key: value for key, value in colours.info.items() if key == "icc_profile"})
    return flat


def encode(image: Image.Image, kind: Format, xmp: str, texts: dict[str, str], *, quality: int = QUALITY) -> bytes:
    """Encode an RGB image, or for PNG and WebP an RGBA one, whose colours are kept where it is transparent.

    `texts`: by key; JPEG and WebP take the one named `parameters` alone, as their comment.
    The colour profile in the image's `info` is kept. `quality`: 1..100, of JPEG and WebP.
    """
    options: dict[str, Any] = {"icc_profile": image.info.get("icc_profile")}
    if kind == "PNG":
        chunks = PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", xmp)
        for key, text in texts.items():
            _add(chunks, key, text)
        options["pnginfo"] = chunks
    else:
        options |= {"quality": quality, "xmp": xmp.encode()}
        if "parameters" in texts:
            options["exif"] = _comment(texts["parameters"])
        options |= {"subsampling": 0} if kind == "JPEG" else {"method": 4, "exact": True}
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _add(chunks: PngInfo, key: str, text: str) -> None:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        chunks.add_itxt(key, text)
    else:
        chunks.add_text(key, text)


def _comment(text: str) -> bytes:
    """Return EXIF with the text as its UserComment, and the program's name."""
    exif = Image.Exif()
    exif[Base.Software] = "DreamTuner"
    exif.get_ifd(IFD.Exif)[USER_COMMENT] = b"UNICODE\0" + text.encode("utf-16-be")
    return exif.tobytes()
