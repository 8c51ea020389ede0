"""The licence gate: whether an image may be made, or handed on, given every weight in its lineage. Pure; no torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from pydantic import ValidationError

from dreamtuner.models.licences import PURPOSE, LicenceRecord, Purpose, allowed

Role = Literal[
    "base",
    "ControlNet",
    "LoRA",
    "embedding",
    "VAE",
    "upscaler",
    "subject-encoder",
    "masker",
    "captioner",
    "estimator",
    "metric",
]


class Weight(NamedTuple):
    """Weights that took part in an image: what they were used as, and under which licence they are."""

    name: str
    role: Role
    licence: LicenceRecord


class Objection(NamedTuple):
    """Why a purpose is not allowed: the weight, the field of its licence record, and the sentence."""

    weight: Weight
    clause: str
    reason: str

    def __str__(self) -> str:
        return f"{self.weight.role} {self.weight.name}: {self.reason} ({self.clause})"


class PurposeError(ValueError):
    """A purpose is invalid; the message names the part and the remedy."""


def objections(weights: Iterable[Weight], purpose: Purpose | None, *, images: bool = False) -> list[Objection]:
    """Return everything in the lineage that does not allow the purpose; empty if there is none, or no purpose.

    The terms of all weights hold together. `images`: for handing images on, see `allowed`.
    """
    if purpose is None:
        return []
    found = []
    for weight in dict.fromkeys(weights):
        verdict = allowed(weight.licence, purpose, images=images)
        if not verdict.allowed:
            found.append(Objection(weight, str(verdict.clause), str(verdict.reason)))
    return found


def dues(weights: Iterable[Weight], *, owed: bool = False) -> list[str]:
    """Return the notices that go with images: each weight with its licence, attribution and terms to pass on, once.

    `owed`: only weights whose licence asks for something.
    """
    lines = []
    for weight in sorted(set(weights), key=lambda one: (one.role, one.name)):
        licence = weight.licence
        if owed and not (licence.attribution or licence.pass_on):
            continue
        where = f" <{licence.url}>" if licence.url else ""
        lines.append(f"{weight.role} {weight.name}: {licence.name}{where}")
        lines += [f"  attribution: {licence.attribution}"] if licence.attribution else []
        lines += [f"  passed on: {term}" for term in licence.pass_on]
    return lines


def stated_purpose(environ: Mapping[str, str] | None = None) -> Purpose | None:
    """Read DREAMTUNER_PURPOSE; None without it, which lets everything pass.

    Raises PurposeError.
    """
    return read_purpose((os.environ if environ is None else environ).get(PURPOSE, ""), PURPOSE)


def read_purpose(text: str, where: str) -> Purpose | None:
    """Read a purpose, stated by `where`, as errors call it; None for empty text.

    It is a list by commas: `commercial` or `non-commercial` first, then `revenue=300000` (US dollars a year) and
    `regions=DE FR`. Raises PurposeError.
    """
    text = text.strip()
    if not text:
        return None
    first, *more = (part.strip() for part in text.split(","))
    if first not in ("commercial", "non-commercial"):
        raise PurposeError(f"{where}: {first!r} is neither commercial nor non-commercial; begin with one of them")
    given: dict[str, object] = {"commercial": first == "commercial"}
    for part in more:
        name, _, value = part.partition("=")
        if name.strip() == "revenue" and value.strip().isdecimal():
            given["revenue_usd"] = int(value)
        elif name.strip() == "regions" and value.strip():
            given["regions"] = tuple(value.split())
        else:
            raise PurposeError(f"{where}: {part!r} is neither revenue=DOLLARS nor regions=CODES; correct it")
    try:
        return Purpose.model_validate(given)
    except ValidationError as error:
        raise PurposeError(f"{where}: regions are country codes of two capitals, or EU, not {text!r}") from error
