"""A minimal ICC matrix profile, for ImageCms makes only sRGB, Lab and XYZ ones."""

import struct
from collections.abc import Callable

import numpy as np
import pytest

D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _fixed(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(v) * 65536) for v in values))


def _matrix_profile(
    *, red: tuple[float, float], green: tuple[float, float], blue: tuple[float, float], gamma: float = 2.2
) -> bytes:
    """An RGB display profile with these primaries (CIE xy) and a D65 white, adapted to D50."""
    white = _xyz(0.3127, 0.3290)
    primaries = np.stack([_xyz(*red), _xyz(*green), _xyz(*blue)], axis=1)
    primaries = primaries * np.linalg.solve(primaries, white)
    adapt = np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ D50) / (BRADFORD @ white)) @ BRADFORD
    columns = adapt @ primaries
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79)
    tags = {b"desc": text, b"wtpt": _fixed(D50)}
    tags |= {name: _fixed(columns[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", offset + len(body), len(value))
        body += value
    head = struct.pack(">I4sI4s4s4s", 0, b"\0" * 4, 0x02100000, b"mntr", b"RGB ", b"XYZ ") + struct.pack(
        ">6H", 2026, 1, 1, 0, 0, 0
    )
    head += b"acsp" + bytes(28) + struct.pack(">3i", *(round(float(v) * 65536) for v in D50))
    head = head.ljust(128, b"\0")
    whole = head + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


@pytest.fixture
def matrix_profile() -> Callable[..., bytes]:
    return _matrix_profile
