"""The watermark's fixed signs: which coefficients carry what, and with which sign. Equal on every machine, for ever.

They are not secret. Whoever may read a picture can see that it is marked, as the law asks of marks; who wants to remove
the watermark can, too.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deploy.marks.watermark.spectrum import Floats, band

SEED = b"dreamtuner watermark 1"
BLOCKS, CHIPS = 9, 128
"""The payload: blocks of one byte, each spread over chips."""


class Pattern(NamedTuple):
    """What the real and the imaginary part of each coefficient carry: arrays over (2, coefficients).

    `signs`: 1 or -1; `chip`: the chip of the payload, or -1 for the pilot, whose signs are known beforehand; `mixed`:
    all parts, flattened, in an order that has nothing to do with what they carry.
    """

    signs: Floats
    chip: NDArray[np.intp]
    mixed: NDArray[np.intp]


@cache
def pattern() -> Pattern:
    """Return the pattern: a third of all parts is the pilot, the others carry the chips in turn, in a mixed order."""
    parts = 2 * len(band())
    stream = hashlib.shake_256(SEED).digest(17 * parts)
    signs = (np.frombuffer(stream[:parts], dtype=np.uint8) % 2 * 2.0 - 1.0).astype(np.float64)
    order, mixed = np.argsort(np.frombuffer(stream[parts:], dtype="<u8").reshape(2, -1), kind="stable")
    pilot = parts // 3
    chip = np.full(parts, -1, dtype=np.intp)
    chip[order[pilot:]] = np.arange(parts - pilot) % (BLOCKS * CHIPS)
    return Pattern(signs.reshape(2, -1), chip.reshape(2, -1), mixed)


@cache
def codewords() -> Floats:
    """Return the signs of the chips for each byte, (256, CHIPS): the rows of a Hadamard matrix, and their negatives."""
    rows = np.ones((1, 1))
    while len(rows) < CHIPS:
        rows = np.block([[rows, rows], [rows, -rows]])
    return np.concatenate([rows, -rows])
