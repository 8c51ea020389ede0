"""Opaque cursors of pages whose order is by texts or times too."""

import base64
import json
from collections.abc import Sequence
from datetime import datetime

from storage.catalog.records import CatalogError

LONGEST = 400  # characters


def cursor(values: Sequence[str | int]) -> str:
    """Encode the sort key of a page's last row."""
    text = json.dumps(list(values), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def values_of(after: str, *kinds: type) -> list[str | int]:
    """Decode a `cursor` of values of these types. Raises CatalogError for anything else."""
    try:
        values = json.loads(base64.urlsafe_b64decode(after[:LONGEST] + "=" * (-len(after) % 4)))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or tuple(map(type, values)) != kinds:
        raise CatalogError(f"cursor: {after[:40]!r} is not the `next` of such a page; start again without it")
    return values


def time_of(text: object) -> datetime:
    """Decode a time in a cursor. Raises CatalogError."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CatalogError("cursor: it holds no time; start again without it")
    return at
