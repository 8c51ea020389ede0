"""Keyset pagination: each page begins where the last one ended, at constant cost at any depth."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from storage.catalog.records import CatalogError, Decision

MAX_PAGE = 300
T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Rows and the start of the next page: pass `next` as `after`. None: this was the last page."""

    rows: Sequence[T]
    next: str | None


@dataclass(frozen=True)
class OutputRow:
    """An image in a gallery; `value` is the score that the page is ordered by, None when it is not.

    `subject_id` is the subject of the filter, else the first that it shows.
    """

    output_id: int
    digest: str
    subject_id: int
    prompt: str
    seed: int
    image_sha256: str
    width: int
    height: int
    revision: int
    decision: Decision
    rating: int
    created_at: datetime
    value: float | None


def place(columns: Sequence[float]) -> str:
    """Encode the sort key of the last row as the `after` of the next page."""
    return base64.urlsafe_b64encode(json.dumps(list(columns)).encode()).decode().rstrip("=")


def place_of(after: str, length: int) -> list[float]:
    """Decode a `place`. Raises CatalogError unless it has `length` columns."""
    try:
        place = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except ValueError:
        place = None
    if not isinstance(place, list) or [type(one) in (int, float) for one in place] != [True] * length:
        raise CatalogError(f"after {after[:80]!r} is not the `next` of such a page; start again without it")
    return place
