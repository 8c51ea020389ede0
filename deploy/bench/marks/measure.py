"""Marks one picture, attacks it, and looks for the mark; and looks at one that has none."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from deploy.bench.marks.pictures import picture
from deploy.marks.watermark.detect import detect
from deploy.marks.watermark.embed import embed
from deploy.marks.watermark.payload import Payload

ATTACKS = ("none", "jpeg75", "half")
NULL_SIDE = 256
"""Pictures without a mark are made at the detector's own size: it resizes all others to it."""


@dataclass(frozen=True)
class Outcome:
    """One picture. `strength`, `read`: after each attack, how strong the mark is and whether its payload is right.

    `psnr`: decibels; `seconds`: of embedding and of looking.
    """

    number: int
    kind: str
    size: tuple[int, int]
    psnr: float
    strength: Mapping[str, float]
    found: Mapping[str, bool]
    read: Mapping[str, bool]
    seconds: tuple[float, float]


def marked(number: int) -> Outcome:
    """Mark the picture of this number and attack it."""
    image, kind = picture(number)
    payload = Payload(f"{number * 7919 % 2**24:06x}", f"{number * 2654435761 % 2**32:08x}")
    at = time.perf_counter()
    written = embed(image, payload)
    took = time.perf_counter() - at
    apart = np.asarray(image, dtype=np.float32) - np.asarray(written, dtype=np.float32)
    attacked = {"none": written, "jpeg75": _jpeg(written, 75), "half": _half(written)}
    at = time.perf_counter()
    seen = {name: detect(one) for name, one in attacked.items()}
    looked = (time.perf_counter() - at) / len(seen)
    psnr = float(10 * np.log10(255**2 / max(float((apart**2).mean()), 1e-9)))
    return Outcome(
        number,
        kind,
        image.size,
        round(psnr, 2),
        {name: round(one.strength, 2) for name, one in seen.items()},
        {name: one.found for name, one in seen.items()},
        {name: one.payload == payload for name, one in seen.items()},
        (round(took, 4), round(looked, 4)),
    )


def unmarked(number: int) -> float:
    """Return the strength of a mark in a picture that has none."""
    return round(detect(picture(number, NULL_SIDE)[0]).strength, 3)


def signing_seconds(times: int = 50) -> float:
    """Return how long a signature of a PNG of 512 x 512 takes, the median of `times`."""
    from deploy.marks.facts import Facts
    from deploy.marks.keys.files import SIGNING, new_keys, split_signing
    from deploy.marks.keys.signers import Identity
    from deploy.marks.provenance import Signature

    key, chain = split_signing(new_keys()[SIGNING])
    signature = Signature(Identity("es256", chain.decode(), key=key), "bench")
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)).save(buffer, "PNG")
    recipe: dict[str, Any] = {"prompt": "a photo of a bear on the beach", "sampling": dict.fromkeys("abcdefghij", 1.5)}
    facts = Facts(cell="0" * 64, recipe=recipe, parents={"reference": "1" * 64, "weights of pocket": "2" * 64})
    took = []
    for _ in range(times):
        at = time.perf_counter()
        signature.sign(buffer.getvalue(), "image/png", facts)
        took.append(time.perf_counter() - at)
    return float(np.median(took))


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def _half(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)
