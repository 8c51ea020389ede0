"""Pictures without what is written beside their pixels."""

import io
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from storage.metadata import UnknownFormatError, without_metadata
from storage.thumbnails import thumbnail

SECRET = "a secret prompt"


def written(form: str, **more: Any) -> bytes:
    """A picture with the secret wherever the format has a place for it, turned by EXIF."""
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112], exif[0x010E] = 6, SECRET
    if form == "PNG":
        text = PngInfo()
        text.add_text("parameters", SECRET)
        text.add_itxt("workflow", SECRET)
        more["pnginfo"] = text
    Image.effect_noise((96, 64), 80).convert("RGB").save(buffer, form, exif=exif, **more)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        written("PNG") + SECRET.encode(),
        written("JPEG", comment=SECRET.encode()) + SECRET.encode(),
        written("JPEG", progressive=True, xmp=SECRET.encode()),
        written("WEBP", lossless=True, xmp=SECRET.encode()),
        written("WEBP", quality=50),
    ],
    ids=["png", "jpeg", "progressive", "webp", "lossy webp"],
)
def test_the_pixels_and_how_they_are_turned_stay_and_nothing_else(data: bytes) -> None:
    assert SECRET.encode() in data
    kept = without_metadata(data)
    assert SECRET.encode() not in kept
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(kept)) as after:
        assert dict(after.getexif()) == {0x0112: 6}
        assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()
    assert without_metadata(kept) == kept


def test_what_nobody_can_read_is_not_called_stripped() -> None:
    with pytest.raises(UnknownFormatError):
        without_metadata(b"GIF89a" + SECRET.encode())


def test_a_thumbnail_needs_the_pixels_alone() -> None:
    whole = written("PNG")
    broken = whole.replace(b"workflow", b"workfloW")  # its checksum is wrong now
    assert thumbnail(broken) == thumbnail(whole)
    jpeg = written("JPEG")
    assert thumbnail(jpeg[:-2]) == thumbnail(jpeg)
