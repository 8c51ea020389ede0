"""What the watermark says: the house that marked the picture, and the beginning of its cell's digest."""

from __future__ import annotations

import binascii
from typing import NamedTuple

import numpy as np

from deploy.marks.watermark.pattern import BLOCKS, CHIPS, codewords
from deploy.marks.watermark.spectrum import Floats

HOUSE, CELL, CHECK = 3, 4, 2
"""Bytes of the house's id, of the cell's digest, and of the check sum (CRC-CCITT)."""


class Payload(NamedTuple):
    """`house`: the first 6 hex digits of its authority's fingerprint; `cell`: the first 8 of the cell's digest."""

    house: str
    cell: str


def chips_of(payload: Payload) -> Floats:
    """Return the sign of each chip of the payload, (BLOCKS * CHIPS,)."""
    data = bytes.fromhex(payload.house) + bytes.fromhex(payload.cell)
    data += binascii.crc_hqx(data, 0xFFFF).to_bytes(CHECK, "big")
    return np.concatenate([codewords()[byte] for byte in data])


def read(chips: Floats) -> Payload | None:
    """Return the payload that these sums of chips are nearest to; None where its check sum is wrong."""
    sums = codewords() @ chips.reshape(BLOCKS, CHIPS).T
    data = bytes(int(one) for one in sums.argmax(axis=0))
    body, check = data[:-CHECK], data[-CHECK:]
    if binascii.crc_hqx(body, 0xFFFF).to_bytes(CHECK, "big") != check:
        return None
    return Payload(body[:HOUSE].hex(), body[HOUSE:].hex())
