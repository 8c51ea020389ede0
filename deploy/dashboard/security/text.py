"""The door for every text that comes with a request: what cannot be seen and misleads goes no further."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request

from storage.catalog.records import CatalogError
from storage.text import fault_of, faults_in

_SECRET = "password"  # hashed as it is and never shown: any character may be in one


async def check_plain_texts(request: Request) -> None:
    """CatalogError names the first field of the query, form or JSON body that holds such a character."""
    pairs: list[tuple[str, Any]] = list(request.query_params.multi_items())
    kind = request.headers.get("content-type", "")
    if "form" in kind:
        pairs += (await request.form()).multi_items()
    for place, fault in _faults(pairs):
        raise CatalogError(f"{place} {fault}")
    if "json" in kind:
        try:
            body = await request.json()
        except ValueError:
            return  # the route itself says so
        check_plain(body)


def check_plain(value: Any) -> None:
    """CatalogError names the first text inside JSON values that holds such a character, by its place."""
    for path, fault in faults_in(value):
        raise CatalogError(f"{'.'.join(str(part) for part in path) or 'the text'} {fault}")


def _faults(pairs: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, value in pairs:
        if isinstance(value, str) and _SECRET not in name and (fault := fault_of(value, running=True)) is not None:
            yield name.rpartition(".")[2], fault
