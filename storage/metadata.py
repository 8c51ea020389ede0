"""Strips metadata from images: prompts, recipes, places, names. The pixels are not changed."""

import struct
import zlib
from collections.abc import Iterator

from PIL import Image

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT"}
_COLOUR = {b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD", b"pHYs"}
_ORIENTATION = 0x0112
_WEBP = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04  # flags in VP8X


class UnknownFormatError(ValueError):
    """The bytes are neither PNG nor JPEG nor WebP, so their metadata cannot be found."""


def without_metadata(data: bytes, *, colour: bool = True) -> bytes:
    """Return the PNG, JPEG or WebP `data` with only its pixels, orientation and, with `colour`, colour profile.

    Damaged metadata, and data after the image's end, are removed too. Raises UnknownFormatError.
    """
    if data.startswith(PNG):
        return PNG + b"".join(_png(data, colour))
    if data.startswith(JPEG):
        return b"".join(_jpeg(data, colour))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    raise UnknownFormatError("the file is neither PNG nor JPEG nor WebP")


def _png(data: bytes, colour: bool) -> Iterator[bytes]:
    wanted, at = _PIXELS | _COLOUR if colour else _PIXELS, len(PNG)
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body, check = data[at + 8 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        at += 12 + size
        if kind == b"IEND":
            break
        whole = check == zlib.crc32(kind + body).to_bytes(4, "big")
        if kind == b"eXIf" and whole and (turned := _turned(body)):
            kind, body = b"eXIf", turned
        elif kind not in wanted or (kind in _COLOUR and not whole):
            continue
        yield _chunk(kind, body)
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _jpeg(data: bytes, colour: bool) -> Iterator[bytes]:
    yield JPEG
    at = 2
    while at + 4 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker == 0xFF:  # fill
            at += 1
            continue
        if marker == 0xD9:
            break
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at:end]
        if marker == 0xE1 and segment[4:10] == b"Exif\0\0" and (turned := _turned(segment[10:])):
            turned = b"Exif\0\0" + turned
            yield b"\xff\xe1" + (len(turned) + 2).to_bytes(2, "big") + turned
        elif marker == 0xE2:
            yield segment if colour and segment[4:16] == b"ICC_PROFILE\0" else b""
        elif not (0xE1 <= marker <= 0xEF or marker == 0xFE) or marker == 0xEE:
            yield segment
        if marker == 0xDA:  # the scan's data follow, up to the next marker that is not part of them
            start = end
            while end + 1 < len(data) and (data[end] != 0xFF or data[end + 1] == 0 or 0xD0 <= data[end + 1] <= 0xD7):
                found = data.find(b"\xff", end + 1)
                end = len(data) if found < 0 else found
            yield data[start:end]
        at = end
    yield b"\xff\xd9"


def _webp(data: bytes) -> bytes:
    chunks: dict[int, tuple[bytes, bytes]] = {}
    at, turned = 12, b""
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + size]
        if kind == b"EXIF":
            turned = _turned(body.removeprefix(b"Exif\0\0"))
        elif kind in _WEBP:
            chunks[at] = (kind, body)
        at += 8 + size + size % 2
    if turned:
        chunks[at] = (b"EXIF", turned)
    parts = []
    for kind, body in chunks.values():
        if kind == b"VP8X":
            flags = body[0] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if turned else 0)
            body = bytes([flags]) + body[1:]
        parts.append(kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2))
    whole = b"".join(parts)
    return b"RIFF" + struct.pack("<I", 4 + len(whole)) + b"WEBP" + whole


def _turned(exif: bytes) -> bytes:
    """Build EXIF with only the orientation; empty if it is upright or unreadable."""
    given = Image.Exif()
    try:
        given.load(exif)
        orientation = given.get(_ORIENTATION, 1)
    except Exception:  # arbitrary EXIF can raise anything
        return b""
    if orientation not in range(2, 9):
        return b""
    kept = Image.Exif()
    kept[_ORIENTATION] = orientation
    return kept.tobytes().removeprefix(b"Exif\0\0")
