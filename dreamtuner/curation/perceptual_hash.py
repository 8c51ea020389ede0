"""What an image looks like in a few numbers that stay when it is re-encoded, resized or slightly cropped.

The perceptual hash: the low frequencies of its brightness, by a discrete cosine transform, and for each whether it
exceeds their median, as in the pHash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions",
2010, section 3.2. The structure: brightness and colours themselves, small enough to be kept for every image.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HASH_VERSION = "dct64-1"
"""Increment it when equal images would have another hash or structure."""
SIDE, KEPT, COLOURS, COARSE = 32, 8, 16, 8
BYTES = SIDE**2 + 2 * COLOURS**2


def structure(image: Image.Image) -> bytes:
    """Return the structure of an image of any mode and size, BYTES long: planes, row by row, of YCbCr.

    Brightness is SIDE x SIDE, each of the two colour differences COLOURS x COLOURS.
    """
    planes = image.convert("RGB").convert("YCbCr").split()
    sides = (SIDE, COLOURS, COLOURS)
    small = [
        plane.resize((side, side), Image.Resampling.LANCZOS, reducing_gap=4.0)
        for plane, side in zip(planes, sides, strict=True)
    ]
    return b"".join(plane.tobytes() for plane in small)


def perceptual_hash(of: bytes) -> str:
    """Return the hash of a structure, 64 bits as 16 hex digits."""
    cosines = _cosines()
    low = (cosines @ brightness([of])[0] @ cosines.T).ravel()
    bits = low > np.median(low[1:])  # the first is the mean brightness
    return np.packbits(bits).tobytes().hex()


def as_bits(hashes: list[str]) -> NDArray[np.uint64]:
    """Return hashes as numbers (N), whose differing bits can be counted."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=">u8").astype(np.uint64)


def brightness(structures: list[bytes]) -> NDArray[np.float32]:
    """Return the brightness of structures, N x SIDE x SIDE, 0..255."""
    return _flat(structures)[:, : SIDE**2].reshape(-1, SIDE, SIDE)


def fields(structure: bytes) -> NDArray[np.float32]:
    """Return the colours of a structure, 3 x COLOURS x COLOURS: brightness and the two differences, 0..255."""
    wide = SIDE // COLOURS
    light = brightness([structure])[0].reshape(COLOURS, wide, COLOURS, wide).mean(axis=(1, 3))
    return np.stack([light, *_flat([structure])[0, SIDE**2 :].reshape(2, COLOURS, COLOURS)])


def colours(structures: list[bytes]) -> NDArray[np.float32]:
    """Return the colours of structures in coarse fields, N x 3 COARSE^2."""
    light = _coarse(brightness(structures)[:, None])
    others = _flat(structures)[:, SIDE**2 :].reshape(-1, 2, COLOURS, COLOURS)
    return np.hstack([light, _coarse(others)])


def _coarse(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average planes, N x C x side x side, over COARSE x COARSE fields: N x C COARSE^2."""
    count, channels, side, _ = planes.shape
    wide = side // COARSE
    blocks = planes.reshape(count, channels, COARSE, wide, COARSE, wide).mean(axis=(3, 5))
    return np.asarray(blocks.reshape(count, -1), dtype=np.float32)


def _flat(structures: list[bytes]) -> NDArray[np.float32]:
    return np.frombuffer(b"".join(structures), dtype=np.uint8).astype(np.float32).reshape(-1, BYTES)


@cache
def _cosines() -> NDArray[np.float32]:
    """Return the first KEPT rows of the DCT-II matrix, KEPT x SIDE."""
    at = (2 * np.arange(SIDE) + 1) * np.pi / (2 * SIDE)
    return np.cos(np.arange(KEPT)[:, None] * at[None, :]).astype(np.float32)
