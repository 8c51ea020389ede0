import io
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from storage.keys import thumbnail_key
from storage.objects import DiskStore, ObjectMissingError
from storage.thumbnails import NotAnImageError, thumbnail, thumbnail_of
from tests.storage.blobs import put_blob


def png(width: int, height: int, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (width, height), "red").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(("size", "small"), [((64, 64), (64, 64)), ((1024, 512), (256, 128)), ((300, 600), (128, 256))])
def test_a_thumbnail_is_webp_of_at_most_256_pixels(size: tuple[int, int], small: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(thumbnail(png(*size)))) as image:
        assert (image.format, image.size) == ("WEBP", small)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\nrubbish", png(64, 64)[:100]])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(NotAnImageError):
        thumbnail(data)


def test_a_missing_thumbnail_is_made_once_and_kept(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    sha256 = put_blob(store, png(512, 512), "image/png")
    first = thumbnail_of(store, sha256)
    assert store.get(thumbnail_key(sha256)) == first == thumbnail_of(store, sha256)
    with pytest.raises(ObjectMissingError):
        thumbnail_of(store, "0" * 64)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "size", "red"), [(1, (256, 128), (0, 0)), (3, (256, 128), (255, 127)), (6, (128, 256), (127, 0))]
)
def test_a_thumbnail_is_turned_as_its_pictures_exif_says(
    kind: str, orientation: int, size: tuple[int, int], red: tuple[int, int]
) -> None:
    picture = Image.new("RGB", (1024, 512), "blue")
    picture.paste("red", (0, 0, 512, 256))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    buffer = io.BytesIO()
    picture.save(buffer, kind, exif=exif)
    with Image.open(io.BytesIO(thumbnail(buffer.getvalue()))) as small:
        assert small.size == size
        assert small.convert("RGB").getpixel(red)[0] > 200  # type: ignore[index]


def test_a_thumbnail_of_a_picture_with_broken_exif_is_as_stored() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (512, 256), "red").save(buffer, "PNG", exif=b"Exif\0\0nonsense that no reader understands")
    with Image.open(io.BytesIO(thumbnail(buffer.getvalue()))) as small:
        assert small.size == (256, 128)
