"""Licence records by name, read from known.yaml, which ships with the package."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dreamtuner.models.licences.record import LicenceRecord

UNKNOWN = LicenceRecord(name="unknown")
"""The record of weights whose licence is not stated."""


@cache
def _table() -> tuple[dict[str, LicenceRecord], dict[str, str]]:
    """Return the records by name, and every name and tag in lower case -> name."""
    content: Mapping[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "known.yaml").read_text())
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
