"""Reads a picture's marks: who made it, from what, and whether it was touched since."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import c2pa
from PIL import Image

from deploy.marks.encoding import USER_COMMENT, format_of
from deploy.marks.keys.certificates import fingerprint
from deploy.marks.keys.files import AUTHORITY, trusted
from deploy.marks.marker import HOUSE_DIGITS, SMALLEST
from deploy.marks.provenance import RECIPE, context
from deploy.marks.texts import AI_SOURCE
from deploy.marks.watermark.detect import detect

State = Literal["trusted", "unknown signer", "touched", "none"]
MOST_PIXELS = 100_000_000
OWN_AUTHORITY = "A house's own authority is an unknown signer elsewhere, until its certificate is trusted there."
NO_TIME = "No time-stamping authority was asked, so when it was signed is what the signer's clock said."
EXPLAINED: Mapping[State, str] = {
    "trusted": "The signature is valid and its signer is trusted here: the file is as it was signed.",
    "unknown signer": "The signature is valid, so the file is as it was signed, but its signer is not trusted here.",
    "touched": "The file was changed after it was signed, or its signature is damaged.",
    "none": "There is no signature: it was removed, or there never was one.",
}


class UnreadableError(ValueError):
    """The file is no picture that can carry marks; the message says why."""


@dataclass(frozen=True)
class Watermark:
    """`strength`: standard deviations; `house`, `cell`: what it says, if readable; `ours`: it names this house."""

    found: bool
    strength: float
    false_probability: float
    house: str | None
    cell: str | None
    ours: bool


@dataclass(frozen=True)
class Inspection:
    """The marks of a picture.

    `signer`: the certificate's organisation and name; `made_by`: the program; `source`: what made the pixels, IPTC's
    word; `ingredients`: label to digest; `problems`: codes of the C2PA library; `notes`: sentences for people.
    """

    width: int
    height: int
    format: str
    state: State
    signer: str | None
    made_by: str | None
    source: str | None
    cell: str | None
    recipe: Mapping[str, Any]
    ingredients: Mapping[str, str]
    problems: Sequence[str]
    watermark: Watermark
    iptc: Mapping[str, str]
    parameters: str | None
    notes: Sequence[str] = field(default_factory=list)

    @property
    def marked(self) -> bool:
        """Return whether anything says that a model made the picture."""
        return self.source == AI_SOURCE or self.watermark.found or self.iptc.get("DigitalSourceType") == AI_SOURCE

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {"marked": self.marked} | asdict(self)


def inspect(data: bytes, keys: Path) -> Inspection:
    """Read the marks of a PNG, JPEG or WebP. `keys`: the folder of the house's keys, whose certificates are trusted.

    Raises UnreadableError for anything else, and for a damaged picture.
    """
    kind = format_of(data)
    if kind is None:
        raise UnreadableError("the file is neither PNG nor JPEG nor WebP")
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UnreadableError(f"the picture has {image.width} x {image.height} pixels; {MOST_PIXELS:,} at most")
            found = detect(image)
            size, iptc, parameters = image.size, _iptc(image), _parameters(image)
    except UnreadableError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableError(f"the picture is damaged ({error})") from error
    signed = _signed(data, f"image/{kind.lower()}", tuple(trusted(keys)))
    house = _house(keys)
    says = found.payload
    watermark = Watermark(
        found.found,
        round(found.strength, 2),
        found.false_probability,
        says and says.house,
        says and says.cell,
        bool(says and house and says.house == house),
    )
    return Inspection(
        *size,
        kind,
        **signed,
        watermark=watermark,
        iptc=iptc,
        parameters=parameters,
        notes=_notes(signed, watermark, min(size)),
    )


def _notes(signed: Mapping[str, Any], watermark: Watermark, shorter_side: int) -> list[str]:
    notes = [EXPLAINED[signed["state"]]]
    if signed["state"] != "none":
        notes += [OWN_AUTHORITY] if signed["state"] == "unknown signer" or signed["state"] == "trusted" else []
        notes.append(NO_TIME)
    elif watermark.found:
        notes.append("The watermark is there all the same: the picture was made by DreamTuner.")
    if not watermark.found and shorter_side < SMALLEST:
        notes.append(f"Below {SMALLEST} pixels a watermark is weak or does not fit: that there is none says little.")
    cell = signed["cell"]
    if cell and watermark.cell and not cell.startswith(watermark.cell):
        notes.append("Signature and watermark name different cells: one of them comes from another picture.")
    return notes


def _signed(data: bytes, media_type: str, anchors: tuple[str, ...]) -> dict[str, Any]:
    nothing = dict.fromkeys(("signer", "made_by", "source", "cell"))
    found: dict[str, Any] = {"state": "none", **nothing, "recipe": {}, "ingredients": {}, "problems": []}
    try:
        with c2pa.Reader(media_type, io.BytesIO(data), context=_context(anchors)) as reader:
            told = json.loads(reader.json())
    except c2pa.C2paError as error:
        if "ManifestNotFound" in f"{type(error).__name__} {error}":
            return found
        return found | {"state": "touched", "problems": [str(error).split("\n")[0]]}
    failures = told.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    problems = [one["code"] for one in failures]
    touched = [code for code in problems if code != "signingCredential.untrusted"]
    state: State = "touched" if touched else "unknown signer" if problems else "trusted"
    manifest = told["manifests"].get(told.get("active_manifest"), {})
    said = {one["label"]: one["data"] for one in manifest.get("assertions", [])}
    actions = [one for label, one in said.items() if label.startswith("c2pa.actions")]
    made = [one for group in actions for one in group.get("actions", []) if one.get("action") == "c2pa.created"]
    ours = said.get(RECIPE, {})
    by = manifest.get("signature_info", {})
    generator = (manifest.get("claim_generator_info") or [{}])[0]
    return {
        "state": state,
        "signer": ", ".join(filter(None, (by.get("issuer"), by.get("common_name")))) or None,
        "made_by": " ".join(filter(None, (generator.get("name"), generator.get("version")))) or None,
        "source": made[0].get("digitalSourceType") if made else None,
        "cell": ours.get("cell"),
        "recipe": ours.get("recipe") or {},
        "ingredients": {
            one.get("title", ""): one.get("instance_id", "").removeprefix("sha256:")
            for one in manifest.get("ingredients", [])
        },
        "problems": problems,
    }


@lru_cache(maxsize=8)
def _context(anchors: tuple[str, ...]) -> Any:
    return context(anchors)


def _house(keys: Path) -> str | None:
    file = keys / AUTHORITY
    return fingerprint(file.read_bytes())[:HOUSE_DIGITS] if file.is_file() else None


def _iptc(image: Image.Image) -> dict[str, str]:
    """Return the IPTC properties in the XMP packet, however it is written, by name."""
    packet = image.info.get("XML:com.adobe.xmp") or image.info.get("xmp") or b""
    text = packet if isinstance(packet, str) else packet.decode("utf-8", "replace")
    as_tags = re.findall(r"<Iptc4xmpExt:(\w+)>([^<]*)</Iptc4xmpExt:\1>", text)
    as_attributes = re.findall(r'\bIptc4xmpExt:(\w+)="([^"]*)"', text)
    return {name: html.unescape(value) for name, value in (*as_attributes, *as_tags)}


def _parameters(image: Image.Image) -> str | None:
    """Return the text that A1111's readers show: PNG's `parameters`, or the comment in EXIF."""
    if isinstance(text := image.info.get("parameters"), str):
        return text
    comment = image.getexif().get_ifd(0x8769).get(USER_COMMENT)
    if isinstance(comment, bytes) and comment.startswith(b"UNICODE\0"):
        return comment[8:].decode("utf-16-be", "replace")
    return None
