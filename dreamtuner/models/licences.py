"""Licences of weights: one record per licence, and the one rule that decides whether a purpose is allowed under it.

The known ones are in licences.yaml, which ships with the package. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field

PURPOSE = "DREAMTUNER_PURPOSE"
"""The variable that states what images are for, see docs/how-to/marks.md."""
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="an ISO 3166-1 country code, or EU")]


class LicenceRecord(BaseModel):
    """What a licence says of a model's weights and of the images made with them.

    None is unknown, which is never taken for permission.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="SPDX identifier, or the licence's own name")
    url: str | None = Field(default=None, description="the text of the licence")
    commercial: bool | None = Field(default=None, description="whether the weights may be used commercially")
    max_revenue_usd: int | None = Field(
        default=None, ge=0, description="commercial use only below this yearly revenue, US dollars; null: no limit"
    )
    outputs_ok: bool | None = Field(
        default=None,
        description="whether images may be used commercially, where that differs from the weights; null: it does not",
    )
    excluded_regions: tuple[Region, ...] = Field(default=(), description="where the weights may not be used")
    pass_on: tuple[str, ...] = Field(default=(), description="terms that go with images or weights that are handed on")
    attribution: str | None = Field(default=None, description="the notice that is due when images are handed on")
    gated: bool = Field(default=False, description="whether the terms have to be accepted on the model's page")
    source: str | None = Field(default=None, description="where this was read: the model's page, or the file")

    def __str__(self) -> str:
        return self.name


UNKNOWN = LicenceRecord(name="unknown")
"""The record of weights whose licence is not stated."""


@cache
def _table() -> tuple[dict[str, LicenceRecord], dict[str, str]]:
    """Return the records by name, and every name and tag in lower case -> name."""
    content: Mapping[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    records, names = dict[str, LicenceRecord](), dict[str, str]()
    for name, terms in content.items():
        tags = terms.pop("tags", [])
        records[name] = LicenceRecord(name=name, **terms)
        names |= {tag.lower(): name for tag in (name, *tags)}
    return records, names


def known_licences() -> dict[str, LicenceRecord]:
    """Return all known records by name."""
    return dict(_table()[0])


def licence_of(stated: str | Mapping[str, Any]) -> LicenceRecord:
    """Return the record of a licence that is stated by name, by a model page's tag, or in full.

    A name that is not known gives a record of that name with unknown terms. A mapping may name a known licence and
    override single terms. Raises pydantic.ValidationError if a term is invalid.
    """
    records, names = _table()
    if isinstance(stated, str):
        known = names.get(stated.strip().lower())
        return LicenceRecord(name=stated) if known is None else records[known]
    base = licence_of(stated["name"]).model_dump(exclude_defaults=True) if isinstance(stated.get("name"), str) else {}
    return LicenceRecord.model_validate({**base, **stated, **({"name": base["name"]} if base else {})})


class Purpose(BaseModel):
    """What images are made for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commercial: bool = Field(default=True, description="whether anyone earns money by the images")
    revenue_usd: int | None = Field(default=None, ge=0, description="yearly revenue of who uses them, US dollars")
    regions: tuple[Region, ...] = Field(default=(), description="where the weights are used")


class Verdict(NamedTuple):
    """Whether a purpose is allowed; if not, `clause` names the field of the record, and `reason` the sentence."""

    allowed: bool
    clause: str | None = None
    reason: str | None = None


def allowed(record: LicenceRecord, purpose: Purpose, *, images: bool = False) -> Verdict:
    """Decide whether weights under this licence may be used for the purpose. Unknown terms allow nothing commercial.

    `images`: decide about images that were made with them, and are handed on, instead.
    """
    if regions := sorted(set(record.excluded_regions) & _places(purpose)):
        return Verdict(False, "excluded_regions", f"{record.name} excludes {', '.join(regions)}")
    if not purpose.commercial or (images and record.outputs_ok):
        return Verdict(True)
    if record.outputs_ok is False:
        return Verdict(False, "outputs_ok", f"{record.name} forbids commercial use of images")
    if record.commercial is None:
        return Verdict(False, "commercial", f"whether {record.name} allows commercial use is unknown")
    if not record.commercial:
        return Verdict(False, "commercial", f"{record.name} forbids commercial use")
    if record.max_revenue_usd is not None:
        limit = f"{record.name} ends at a yearly revenue of {record.max_revenue_usd:,} US dollars"
        if purpose.revenue_usd is None:
            return Verdict(False, "max_revenue_usd", f"{limit}, and the revenue is not stated")
        if purpose.revenue_usd >= record.max_revenue_usd:
            return Verdict(False, "max_revenue_usd", f"{limit}; it is {purpose.revenue_usd:,}")
    return Verdict(True)


_EU = frozenset(
    [
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU"),
        *("LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    ]
)


def _places(purpose: Purpose) -> set[str]:
    """Return the purpose's regions; a member state is also in the EU, and the EU stands for each of them."""
    given = set(purpose.regions)
    return given | ({"EU"} if given & _EU else set()) | (set(_EU) if "EU" in given else set())
