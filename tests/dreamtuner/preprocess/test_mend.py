"""Metadata never decides whether a picture can be read, and what of it was ignored is said."""

import os
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms

from dreamtuner.preprocess import ImageError, decode_image
from tests.dreamtuner.preprocess.test_image import animated, chunk, encode

NOISE = Image.effect_noise((96, 64), 90).convert("RGB")
PNG = encode(NOISE)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def beside(*chunks: bytes, data: bytes = PNG) -> bytes:
    """The PNG with blocks behind its header."""
    return data[:33] + b"".join(chunks) + data[33:]


def broken(one: bytes) -> bytes:
    return one[:-4] + b"\0\0\0\0"


def jpeg(**more: Any) -> bytes:
    return encode(NOISE, "JPEG", quality=90, **more)


def webp(**more: Any) -> bytes:
    return encode(NOISE, "WEBP", lossless=True, **more)


def pixels(data: bytes) -> bytes:
    return decode_image(data).image.tobytes()


BIG = chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"{}" * 3_000_000))
TAKEN = {
    "text that unpacks to six megabytes": (beside(BIG), PNG, "zTXt"),
    "a hundred megabytes of it": (beside(*[BIG] * 18), PNG, "zTXt"),
    "plain text of two megabytes": (beside(chunk(b"tEXt", b"prompt\0" + b"x" * 2**21)), PNG, ""),
    "text with a wrong checksum": (beside(broken(chunk(b"tEXt", b"prompt\0bear"))), PNG, "tEXt"),
    "text that is no zlib": (
        beside(chunk(b"zTXt", b"prompt\0\0bear"), chunk(b"iTXt", b"prompt\0\1\0\0\0bear")),
        PNG,
        "",
    ),
    "a block that nobody knows, broken": (beside(broken(chunk(b"vpAg", bytes(9)))), PNG, "vpAg"),
    "physical size cut short": (beside(chunk(b"pHYs", b"\0\0")), PNG, ""),
    "gamma cut short": (beside(chunk(b"gAMA", b"\0")), PNG, ""),
    "a profile with a wrong checksum": (beside(broken(chunk(b"iCCP", b"x\0\0" + zlib.compress(SRGB)))), PNG, "iCCP"),
    "a profile that never ends": (beside(chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(2**25)))), PNG, "iCCP"),
    "EXIF with a wrong checksum": (beside(broken(chunk(b"eXIf", b"MM\0*"))), PNG, "eXIf"),
    "no end of the PNG": (PNG[:-12], PNG, ""),
    "half an end of the PNG": (PNG[:-3], PNG, ""),
    "rubbish behind the PNG": (PNG + b"PK\3\4" + bytes(99), PNG, ""),
    "no end of the JPEG": (jpeg()[:-2], jpeg(), "lacks its end"),
    "half an end of the JPEG": (jpeg()[:-1], jpeg(), "lacks its end"),
    "no end of a progressive JPEG": (jpeg(progressive=True)[:-2], jpeg(progressive=True), "lacks its end"),
    "no end of a JPEG with restarts": (jpeg(restart_marker_rows=1)[:-2], jpeg(restart_marker_rows=1), "lacks its end"),
    "EXIF of the JPEG that is nonsense": (jpeg(exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"), jpeg(), ""),
    "a profile of the JPEG that is nonsense": (jpeg(icc_profile=b"no profile" * 9), jpeg(), "ICC profile"),
    "a WebP that lacks the end of its metadata": (webp(xmp=b"<x>" * 400)[:-50], webp(), "WebP's metadata"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_the_pixels_are_read_whatever_stands_beside_them(case: str) -> None:
    data, whole, said = TAKEN[case]
    decoded = decode_image(data)
    assert decoded.image.tobytes() == pixels(whole)
    assert said in " ".join(decoded.warnings)
    assert decode_image(whole).warnings == ()


def test_a_profile_is_used_though_the_text_beside_it_cannot_be_read(matrix_profile: Any) -> None:
    wide = matrix_profile(red=(0.680, 0.320), green=(0.265, 0.690), blue=(0.150, 0.060))
    data = encode(NOISE, icc_profile=wide)
    assert pixels(beside(BIG, data=data)) == pixels(data) != pixels(PNG)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_image(beside(BIG, data=encode(NOISE, exif=exif))).image.size == (64, 96)


PROGRESSIVE = jpeg(progressive=True)
SCANS = [at for at in range(len(PROGRESSIVE)) if PROGRESSIVE[at : at + 2] == b"\xff\xda"]


@pytest.mark.parametrize(
    "data",
    [
        *(jpeg()[:-cut] for cut in (4, 12, 100, 1000)),  # one block would be grey
        *(jpeg(restart_marker_rows=1)[:-cut] for cut in (40, 1000)),
        PROGRESSIVE[:-200],
        PROGRESSIVE[: SCANS[2]],  # whole scans, and coarse pixels
        PROGRESSIVE[: SCANS[-1]],
        *(PNG[:-cut] for cut in (200, 5000)),
        beside(BIG, data=PNG[:-5000]),
        broken(PNG[:33]) + PNG[33:],  # how large the picture is, nobody knows now
        webp()[:-500],
    ],
    ids=str,
)
def test_pixels_that_are_not_there_are_not_made_up(data: bytes) -> None:
    with pytest.raises(ImageError, match="truncated or damaged"):
        decode_image(data)


def test_what_is_beside_the_pixels_opens_no_other_door() -> None:
    large = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    with pytest.raises(ImageError, match="pixels allowed"):
        decode_image(large + BIG + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(ImageError, match="animated"):
        decode_image(beside(BIG, data=animated("PNG")))
    with pytest.raises(ImageError):
        decode_image(b"\xff\xd8" + os.urandom(4000))
