"""Validation of every text in a request: invisible and misleading characters are rejected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request

from storage.catalog.records import CatalogError
from storage.text import fault_of, faults_in

KEEPING = ("/orders", "/orders/check")
"""Pages that check their texts themselves, beside their fields, and show again what was written."""
_SECRET = "password"  # hashed as it is and never shown: any character may be in one


async def check_plain_texts(request: Request) -> None:
    """Raise CatalogError naming the first field of the query, form or JSON body with such a character."""
    pairs: list[tuple[str, Any]] = list(request.query_params.multi_items())
    if request.url.path in KEEPING:
        return
    kind = request.headers.get("content-type", "")
    if "form" in kind:
        pairs += (await request.form()).multi_items()
    for place, fault in _faults(pairs):
        raise CatalogError(f"{place} {fault}")
    if "json" in kind:
        try:
            body = await request.json()
        except ValueError:
            return  # the route reports it
        check_plain(body)


def check_plain(value: Any) -> None:
    """Raise CatalogError naming the path of the first JSON text with such a character."""
    for path, fault in faults_in(value):
        raise CatalogError(f"{'.'.join(str(part) for part in path) or 'the text'} {fault}")


def _faults(pairs: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, value in pairs:
        if isinstance(value, str) and _SECRET not in name and (fault := fault_of(value, running=True)) is not None:
            yield name.rpartition(".")[2], fault
