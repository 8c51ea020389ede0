"""Checks the query plans of all pages: whether any statement scans a large table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from types import MappingProxyType
from typing import Any

import httpx
from sqlalchemy import Engine, event

from deploy.bench.pages import Draw
from deploy.dashboard.app import create_app
from deploy.dashboard.settings import Settings
from storage.catalog import Catalog

LARGE = (
    "outputs",
    "cells",
    "cell_subjects",
    "scores",
    "subject_scores",
    "reviews",
    "run_cells",
    "blobs",
    "audit",
    "lineage",
    "fingerprints",
)
"""Tables that grow with the number of images."""
Sent = tuple[str, Any]


def whole_reads(
    settings: Settings,
    catalog: Catalog,
    cookies: Mapping[str, str],
    pages: Mapping[str, Draw],
    without: Sequence[str] = (),
    headers: Mapping[str, str] = MappingProxyType({"Accept": "text/html"}),
) -> dict[str, list[str]]:
    """Return, by page, the plans of its statements that scan a table of LARGE, or sort more rows than they return.

    The application is called in this process. `without`: settings of PostgreSQL to turn off (enable_...), for tables so
    small that it would rightly scan them. `headers`: of each request.
    """
    return whole_among(catalog, asyncio.run(_asked(settings, cookies, pages, headers)), without)


def whole_among(
    catalog: Catalog, sent: Mapping[str, Sequence[Sent]], without: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Return the same for statements that `heard` recorded, by a name."""
    found: dict[str, list[str]] = {}
    with catalog.read() as s:
        connection = s.connection()
        lite = connection.dialect.name == "sqlite"
        for way in () if lite else without:
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        for name, statements in sent.items():
            for statement, values in dict.fromkeys((text, _hashable(given)) for text, given in statements):
                explain = "EXPLAIN QUERY PLAN " if lite else "EXPLAIN "
                plan = [str(row) for row in connection.exec_driver_sql(explain + statement, values)]
                if _whole(plan, statement):
                    found.setdefault(name, []).append("\n".join((statement, *plan)))
    return found


async def _asked(
    settings: Settings, cookies: Mapping[str, str], pages: Mapping[str, Draw], headers: Mapping[str, str]
) -> dict[str, list[Sent]]:
    """Request each page and return the statements that it sent."""
    app, draw, sent = create_app(settings), Random(0), {}
    transport = httpx.ASGITransport(app)
    client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", cookies=dict(cookies), timeout=600)
    async with app.router.lifespan_context(app), client:
        for name, page in pages.items():
            with heard() as statements:
                answer = await client.get(page(draw), headers=dict(headers))
                answer.raise_for_status()
            sent[name] = statements
    return sent


@contextmanager
def heard() -> Iterator[list[Sent]]:
    """Record every SELECT sent to any database."""
    statements: list[Sent] = []

    def hear(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            statements.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def _hashable(given: Any) -> Any:
    """Convert parameters to hashable values that the driver accepts."""
    return tuple(given) if isinstance(given, list) else _Named(given) if isinstance(given, dict) else given


class _Named(dict[str, Any]):
    """Hashable named parameters."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((name, str(value)) for name, value in self.items())))


def _whole(plan: Sequence[str], statement: str) -> bool:
    """Return whether the plan scans a large table. Reading one in index order up to a limit is no scan."""
    text = "\n".join(plan)
    stops = "LIMIT" in statement and "TEMP B-TREE" not in text
    if any(f"Seq Scan on {table}" in text for table in LARGE):
        return True
    return not stops and any(f"SCAN {table}" in text for table in LARGE)
