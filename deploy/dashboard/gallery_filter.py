"""The gallery's filter in a URL: parameter names equal the form's fields, so that a link reproduces the view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from storage.catalog.records import CatalogError, Decision
from storage.catalog.views import Filter

_WHOLE = ("subject_id", "checkpoint_id")
_REAL = ("lowest", "highest")
_WORDS = (
    "decision",
    "style",
    "prompt",
    "pose",
    "depth",
    "tag",
    "collection",
    "run_id",
    "reviewer",
    "waits_for",
    "metric",
)
FIELDS = (*_WHOLE, *_WORDS, *_REAL)


def parse_filter(given: Mapping[str, Any]) -> Filter:
    """Parse the filter of a query or form, ignoring empty fields. Raises CatalogError for invalid values."""
    found: dict[str, Any] = {}
    for name in FIELDS:
        text = str(given.get(name) or "").strip()[:500]
        if not text:
            continue
        if name in _WHOLE:
            found[name] = whole_number(name, text)
            continue
        try:
            found[name] = float(text) if name in _REAL else text
        except ValueError:
            raise CatalogError(f"{name}: {text[:40]!r} is not a number; correct it or leave it empty") from None
    if "metric" not in found:  # bounds stay in the form when sorting by score is switched off
        found = {name: value for name, value in found.items() if name not in _REAL}
    found["decision"] = cast("Decision | None", found.get("decision"))
    return Filter(**found)


def whole_number(name: str, given: object) -> int:
    """Parse the whole number of a form's field `name`. Raises CatalogError."""
    try:
        return int(str(given))
    except ValueError:
        raise CatalogError(f"{name}: {str(given)[:40]!r} is not a number; correct it or leave it empty") from None
