"""The one way out: every picture that leaves passes through `Marker.mark`, in an export, a download or a client's link.

Stored pictures stay as they were generated. A copy gets the watermark in its pixels, then its texts, then the signature
over all of it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from PIL import Image

from deploy.marks.encoding import QUALITY, Format, encode, format_of, layers, over_white
from deploy.marks.facts import RECIPE_KEY, Facts
from deploy.marks.keys.signers import SIGNERS, Identity
from deploy.marks.settings import MarksError, MarkSettings
from deploy.marks.texts import parameters, program_version, xmp
from storage.metadata import UnknownFormatError, without_metadata

if TYPE_CHECKING:
    from deploy.marks.provenance import Signature

HOUSE_DIGITS, CELL_DIGITS = 6, 8
"""Hex digits of the house's and the cell's digest that the watermark holds."""
SMALLEST = 512
"""Side in pixels from which on the watermark is promised to survive JPEG 75 and half size."""


@dataclass(frozen=True)
class Marked:
    """A picture ready to leave. `marks`: what it carries, for the manifest of an export."""

    data: bytes
    marks: dict[str, Any]


class Marker:
    """Marks pictures for one house; open one per process. Safe to use from any thread.

    The libraries of the extra `marks` are imported when the first picture is marked: with DREAMTUNER_MARKS=off never.
    """

    def __init__(self, settings: MarkSettings) -> None:
        self.settings = settings

    @classmethod
    def open(cls, home: Path) -> Self:
        """Open the house of this data folder, by the environment's settings. Keys are made at the first picture.

        Raises MarksError for an invalid variable.
        """
        return cls(MarkSettings.load(home))

    def prepare(self) -> None:
        """Load libraries and keys, before anything is written. Raises MarksError without the extra; KeysError."""
        if not self.settings.on:
            return
        try:
            import numpy  # noqa: F401

            _ = self._signature, self.house
        except ModuleNotFoundError as error:
            remedy = "pip install 'dreamtuner[marks]', or 'dreamtuner[all]'"
            raise MarksError(f"pictures cannot be marked: {error.name} is not installed; {remedy}") from error

    @cached_property
    def identity(self) -> Identity:
        """Return who signs; makes the house's keys if there are none."""
        return SIGNERS[self.settings.signer].open(self.settings.keys)

    @cached_property
    def house(self) -> str:
        """Return the house's short id, 6 hex digits, as the watermark gives it."""
        from deploy.marks.keys.certificates import fingerprint

        return fingerprint(self.identity.chain)[:HOUSE_DIGITS]

    @cached_property
    def _signature(self) -> Signature:
        from deploy.marks.provenance import Signature

        return Signature(self.identity, program_version())

    def mark(
        self, data: bytes, facts: Facts, *, stripped: bool = False, kind: Format | None = None, quality: int = QUALITY
    ) -> Marked:
        """Return the picture as it leaves: watermarked, described, signed.

        `stripped`: without recipe and prompt, but not without its mark. `kind`: encode as this format; None: as it is.
        A transparent picture stays so, except as JPEG: then it stands on white, and `marks.ground` says so. With
        DREAMTUNER_MARKS=off the picture is only stripped or encoded. Raises UnknownFormatError.
        """
        own = format_of(data)
        if own is None:
            raise UnknownFormatError("the file is neither PNG nor JPEG nor WebP")
        kind = kind or own
        told = None if stripped else facts
        if not self.settings.on and kind == own:
            return Marked(without_metadata(data) if stripped else data, {"marked": False})
        with Image.open(io.BytesIO(data)) as opened:
            image, alpha = layers(opened)
            recipe = opened.info.get(RECIPE_KEY)
        ground = {"ground": "white: JPEG cannot be transparent"} if alpha is not None and kind == "JPEG" else {}
        if ground:
            image, alpha = over_white(image, alpha), None
        texts = {} if told is None else {"parameters": parameters(program_version(), told, image.size)}
        texts |= {RECIPE_KEY: recipe} if recipe is not None and not stripped else {}
        if not self.settings.on:
            return Marked(encode(_whole(image, alpha), kind, "", texts, quality=quality), {"marked": False} | ground)
        image, watermark = self._watermarked(image, alpha, facts)
        coded = encode(_whole(image, alpha), kind, xmp(program_version(), told), texts, quality=quality)
        signed = self._signature.sign(coded, f"image/{kind.lower()}", told)
        said = {"marked": True, "c2pa": True, "iptc": True, "watermark": watermark, "house": self.house}
        return Marked(signed, said | ground)

    def _watermarked(self, image: Image.Image, alpha: Image.Image | None, facts: Facts) -> tuple[Image.Image, str]:
        """Return the image with the watermark, and what is promised of it; unchanged if it could not be read back.

        It is in all colours, those below transparent pixels too.
        """
        from deploy.marks.watermark.detect import detect
        from deploy.marks.watermark.embed import embed
        from deploy.marks.watermark.payload import Payload

        payload = Payload(self.house, facts.cell[:CELL_DIGITS])
        marked = embed(image, payload)
        found = detect(marked)
        if not found.found:
            return image, f"none: too small for it (it is promised from {SMALLEST} pixels)"
        kept = {key: value for key, value in image.info.items() if key == "icc_profile"}
        marked.info.update(kept)
        if min(image.size) < SMALLEST:
            return marked, f"weak: smaller than {SMALLEST} pixels, it may not survive JPEG or resizing"
        if alpha is not None and not detect(over_white(marked, alpha)).found:
            return marked, "weak: it is read from the file itself, and lost once the picture is put on a ground"
        return marked, "full" if found.payload == payload else "without its id"


def _whole(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """Return an RGB image with the alpha channel that it had, if any."""
    if alpha is None:
        return image
    whole = image.copy()
    whole.putalpha(alpha)
    return whole
