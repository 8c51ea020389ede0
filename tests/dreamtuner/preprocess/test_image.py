"""decode_image: what it takes, what it makes of it, and what it refuses with which words."""

import io
import pickle
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from dreamtuner.preprocess import ImageError, ImageLimits, decode_image

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 40), (30, 40, 220), (255, 255, 255)


def encode(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def quarters(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right."""
    small = Image.new("RGB", (2, 2))
    small.putdata([RED, GREEN, BLUE, WHITE])
    return small.resize(size, Image.Resampling.NEAREST)


def close(pixel: object, wanted: tuple[int, ...], tolerance: int = 6) -> bool:
    return bool(np.abs(np.subtract(pixel, wanted)).max() <= tolerance)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + body


@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 95})])
def test_takes_the_three_formats(form: str, options: dict[str, object]) -> None:
    decoded = decode_image(encode(quarters(), form, **options))
    assert (decoded.image.mode, decoded.image.size, decoded.alpha) == ("RGB", (96, 64), None)
    assert close(decoded.image.getpixel((10, 10)), RED, 12)
    assert close(decoded.image.getpixel((90, 60)), WHITE, 12)


# What each orientation makes of a picture that is stored upright: size, and colours of the top corners.
@pytest.mark.parametrize(
    ("orientation", "size", "left", "right"),
    [
        (1, (96, 64), RED, GREEN),
        (2, (96, 64), GREEN, RED),
        (3, (96, 64), WHITE, BLUE),
        (6, (64, 96), BLUE, RED),
        (8, (64, 96), GREEN, WHITE),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation(
    form: str, orientation: int, size: tuple[int, int], left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode_image(encode(quarters(), form, exif=exif, quality=95)).image
    assert image.size == size
    assert close(image.getpixel((5, 5)), left, 30)
    assert close(image.getpixel((size[0] - 6, 5)), right, 30)


@pytest.mark.parametrize("block", [b"nonsense", b"MM\0*\0\0\0\x08\0\1\1\x0e\0\2\0\0\xff\xff\0\0\0\x1a", b"II*\0\x08"])
def test_unreadable_exif_leaves_the_picture_as_stored(block: bytes) -> None:
    assert decode_image(encode(quarters(), "JPEG", exif=b"Exif\0\0" + block)).image.size == (96, 64)


def test_wide_gamut_profile_is_converted_to_srgb(matrix_profile: Callable[..., bytes]) -> None:
    display_p3 = matrix_profile(red=(0.680, 0.320), green=(0.265, 0.690), blue=(0.150, 0.060))
    pixel = decode_image(encode(Image.new("RGB", (64, 64), (128, 128, 220)), icc_profile=display_p3)).image
    grey = decode_image(encode(Image.new("RGB", (64, 64), (128, 128, 128)), icc_profile=display_p3)).image
    saturated = decode_image(encode(Image.new("RGB", (64, 64), (200, 100, 100)), icc_profile=display_p3)).image
    assert pixel.getpixel((0, 0)) != (128, 128, 220)
    assert close(grey.getpixel((0, 0)), (128, 128, 128), 3)  # neutral stays neutral
    red, green, _ = saturated.getpixel((0, 0))
    assert red > 205
    assert green < 97


def test_unusable_profile_counts_as_srgb(matrix_profile: Callable[..., bytes]) -> None:
    decoded = decode_image(encode(Image.new("RGB", (64, 64), BLUE), icc_profile=b"not a profile" * 20))
    assert decoded.image.getpixel((3, 3)) == BLUE
    rgb_profile = matrix_profile(red=(0.64, 0.33), green=(0.30, 0.60), blue=(0.15, 0.06))
    assert (
        decode_image(encode(Image.new("L", (64, 64), 99), icc_profile=rgb_profile)).image.getpixel((0, 0)) == (99,) * 3
    )


def test_alpha_is_split_off_and_hidden_colours_do_not_show() -> None:
    picture = quarters().convert("RGBA")
    alpha = Image.new("L", picture.size, 0)
    alpha.paste(255, (0, 0, 48, 64))
    picture.putalpha(alpha)
    decoded = decode_image(encode(picture))
    assert decoded.alpha is not None
    assert decoded.alpha.tobytes() == alpha.tobytes()
    assert decoded.image.getpixel((5, 5)) == RED
    assert decoded.image.getpixel((90, 5)) == WHITE


def test_opaque_alpha_is_no_alpha() -> None:
    assert decode_image(encode(quarters().convert("RGBA"))).alpha is None


def test_alpha_turns_with_the_picture() -> None:
    picture = quarters().convert("RGBA")
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, 20, 20))
    picture.putalpha(alpha)
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode_image(encode(picture, exif=exif))
    assert decoded.alpha is not None
    assert decoded.alpha.size == decoded.image.size == (64, 96)
    assert decoded.alpha.getpixel((60, 5)) == 0
    assert decoded.alpha.getpixel((5, 5)) == 255


def test_palette_with_transparency() -> None:
    picture = quarters().convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    hidden = picture.getpixel((5, 5))
    decoded = decode_image(encode(picture, transparency=hidden))
    assert decoded.alpha is not None
    assert decoded.alpha.getpixel((5, 5)) == 0
    assert decoded.alpha.getpixel((90, 5)) == 255
    assert decoded.image.getpixel((5, 5)) == WHITE
    assert close(decoded.image.getpixel((90, 5)), GREEN)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P"])
def test_small_modes_become_rgb(mode: str) -> None:
    assert decode_image(encode(quarters().convert("L").convert(mode))).image.mode == "RGB"


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64, dtype=np.uint16), (64, 1))
    image = decode_image(encode(Image.fromarray(ramp))).image
    assert [image.getpixel((x, 0))[0] for x in (0, 32, 63)] == [0, 130, 255]


def test_sixteen_bit_colour_and_grey_with_a_transparent_value() -> None:
    row = b"\0" + struct.pack(">3H", 0xC000, 0x4000, 0x8000) * 64
    assert close(decode_image(png(64, 64, 16, 2, row * 64)).image.getpixel((9, 9)), (0xC0, 0x40, 0x80), 1)
    row = b"\0" + struct.pack(">H", 1000) * 32 + struct.pack(">H", 1001) * 32
    decoded = decode_image(png(64, 64, 16, 0, row * 64, chunk(b"tRNS", struct.pack(">H", 1000))))
    assert decoded.alpha is not None
    assert decoded.alpha.getpixel((0, 0)) == 0
    assert decoded.alpha.getpixel((63, 0)) == 255


def test_cmyk_jpeg() -> None:
    image = decode_image(encode(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG", quality=95)).image
    assert close(image.getpixel((30, 30)), (255, 0, 0), 12)


def test_multi_picture_jpeg_of_a_phone_is_a_still_picture() -> None:
    data = encode(quarters(), "MPO", save_all=True, append_images=[quarters((64, 64))], quality=95)
    assert Image.open(io.BytesIO(data)).format == "MPO"
    assert decode_image(data).image.size == (96, 64)


def animated(form: str) -> bytes:
    frames = [Image.new("RGB", (64, 64), c) for c in (RED, GREEN)]
    return encode(frames[0], form, save_all=True, append_images=frames[1:], duration=50)


JPEG = encode(quarters((256, 256)), "JPEG")
PNG = encode(Image.effect_noise((128, 128), 60))
WEBP = encode(Image.effect_noise((128, 128), 60), "WEBP")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"<html>404</html>", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "truncated or damaged"),
        (encode(quarters(), "GIF"), "GIF, which is not a supported format"),
        (encode(quarters(), "TIFF"), "TIFF, which is not a supported format"),
        (encode(quarters(), "BMP"), "BMP, which is not a supported format"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC, which is not a supported format"),
        (JPEG[: len(JPEG) // 2], "truncated or damaged"),
        (PNG[: len(PNG) // 2], "truncated or damaged"),
        (WEBP[: len(WEBP) // 2], "truncated or damaged"),
        (animated("WEBP"), r"WEBP is animated \(2 frames\)"),
        (animated("PNG"), r"PNG is animated \(2 frames\)"),
        (encode(Image.new("RGB", (500, 63))), "500 x 63 pixels, too small"),
        (png(60_000, 60_000, 8, 2, b""), "more than the 50,000,000 pixels"),  # beyond Pillow's error
        (png(10_000, 10_000, 8, 2, b""), "more than the 50,000,000 pixels"),  # beyond Pillow's warning
        (png(8_000, 8_000, 8, 2, b""), "8000 x 8000, more than the 50,000,000 pixels"),  # beyond ours alone
    ],
)
def test_refusals(data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words) as refusal:
        decode_image(data)
    assert refusal.value.remedy
    assert refusal.value.remedy in str(refusal.value)


def test_limits_are_the_callers() -> None:
    data = encode(quarters())
    with pytest.raises(ImageError, match="bytes"):
        decode_image(data, limits=ImageLimits(max_bytes=len(data) - 1))
    with pytest.raises(ImageError, match="6,143 pixels"):
        decode_image(data, limits=ImageLimits(max_pixels=96 * 64 - 1))
    assert decode_image(data, limits=ImageLimits(max_bytes=len(data), max_pixels=96 * 64, min_side=64))


def test_refusal_survives_pickling() -> None:
    copy = pickle.loads(pickle.dumps(ImageError("why", "what to do")))
    assert (copy.reason, copy.remedy, str(copy)) == ("why", "what to do", "why: what to do")
