"""Picture files that are damaged beside their pixels: the same pixels without the damage, to be decoded once more.

Whether a picture can be read is decided by its pixels alone. Everything else in a file is left out where it is in the
way: text of any size, blocks with a wrong checksum, an end marker that was cut off.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from dreamtuner.preprocess.repair.scans import all_scans, segments

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
MOST_PROFILE = 16 * 1024 * 1024  # bytes of a colour profile, unpacked
_CRITICAL = {b"IHDR", b"PLTE"}
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT", b"eXIf"}
_WEBP = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_NO_MARKER = b"\x6d\xb6\xdb" * 40  # bits that mean something else than the zeros which a decoder makes up


@dataclass(frozen=True)
class Mended:
    """A file to try instead: `ignored` says what it lacks, a sentence each; `profile` is its colour profile if any.

    `same_as`: another file that shows the same pixels if, and only if, all pixels are there.
    """

    data: bytes
    ignored: tuple[str, ...]
    profile: bytes | None = None
    same_as: bytes | None = None


def mends(data: bytes) -> Iterator[Mended]:
    """What may be decoded in place of `data`, which could not be; first what loses less."""
    if data.startswith(PNG):
        yield from _png(data)
    elif data.startswith(JPEG):
        yield from _jpeg(data)
    elif (data[:4], data[8:12]) == (b"RIFF", b"WEBP"):
        yield from _webp(data)


def _png(data: bytes) -> Iterator[Mended]:
    kept, dropped, profile, at, ended = [PNG], [], None, len(PNG), False
    while at + 8 <= len(data) and not ended:
        size, kind = struct.unpack_from(">I4s", data, at)
        body, check = data[at + 8 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        at += 12 + size
        ended = kind == b"IEND"
        whole = check == zlib.crc32(kind + body).to_bytes(4, "big")
        if kind in _CRITICAL and not whole:
            return  # it says how the pixels are to be read
        if kind == b"IDAT" or (kind in _PIXELS and whole):
            kept.append(_chunk(kind, body))
        elif kind == b"iCCP" and whole and (profile := _profile(body)) is not None:
            continue
        elif kind != b"IEND" and (not whole or kind in (b"tEXt", b"zTXt", b"iTXt", b"iCCP")):
            dropped.append(kind.decode("latin-1"))
    said = [f"the PNG's {_listed(dropped)} could not be read and was ignored"] if dropped else []
    said += [] if ended else ["the PNG lacks its end; its pixels are all there"]
    yield Mended(b"".join([*kept, _chunk(b"IEND", b"")]), tuple(said), profile)


def _listed(names: list[str]) -> str:
    found = list(dict.fromkeys(name if name.isprintable() else "unknown block" for name in names))
    return ", ".join(found[:5]) + (" and more" if len(found) > 5 else "")


def _profile(body: bytes) -> bytes | None:
    """The unpacked colour profile of an iCCP block; None for one that is damaged or too large."""
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(body.partition(b"\0")[2][1:], MOST_PROFILE)
    except zlib.error:
        return None
    return found if unpacker.eof else None


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _jpeg(data: bytes) -> Iterator[Mended]:
    """With an end where it was cut off, if every scan is there; then without the blocks that are not needed, too."""
    found = list(segments(data))
    bare = b"".join(part for marker, part in found if not (0xE1 <= marker <= 0xEF or marker == 0xFE) or marker == 0xEE)
    blocks = "the JPEG's metadata could not be read and was ignored"
    if found and found[-1][0] == 0xD9:
        yield Mended(bare, (blocks,))
        return
    if not all_scans(found):
        return
    said = "the JPEG lacks its end; its pixels are all there"
    for start, ignored in ((data, (said,)), (bare, (said, blocks))):
        start = start.removesuffix(b"\xff")  # half of the marker
        yield Mended(start + b"\xff\xd9", ignored, same_as=start + _NO_MARKER + b"\xff\xd9")


def _webp(data: bytes) -> Iterator[Mended]:
    parts, at = [], 12
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + size]
        if kind in _WEBP and len(body) == size:
            if kind == b"VP8X" and body:
                body = bytes([body[0] & ~0x0C]) + body[1:]  # it announces neither EXIF nor XMP
            parts.append(kind + struct.pack("<I", size) + body + b"\0" * (size % 2))
        at += 8 + size + size % 2
    whole = b"".join(parts)
    header = b"RIFF" + struct.pack("<I", 4 + len(whole)) + b"WEBP"
    yield Mended(header + whole, ("the WebP's metadata could not be read and was ignored",))
