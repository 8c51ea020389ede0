"""`dreamtuner bench dashboard`: measure how fast the pages of a large catalog are served."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.bench.pages import Draw
    from storage.catalog.bench import Figure


def dashboard(
    catalog: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="An empty catalog, or one that this filled before; by default a temporary file."
        ),
    ] = None,
    outputs: Annotated[int, typer.Option(min=2000, help="Synthetic outputs to fill it with.")] = 1_000_000,
    pages: Annotated[int, typer.Option(min=1, help="Requests of each kind.")] = 200,
    of_project: Annotated[
        bool, typer.Option("--of-project", help="As a person who sees one of two projects, instead of an admin.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure how fast the dashboard serves a large catalog over HTTP, and whether a page scans a large table.

    The server is a separate process on this machine. Times are from the request to the last byte of the response;
    `gallery_p95_ms` is the 95th percentile over all kinds of gallery pages together.
    """
    import tempfile

    from deploy.bench.pages import gallery, member, of_member, others, visitor
    from deploy.bench.plans import whole_reads
    from deploy.dashboard.settings import Settings
    from storage.catalog import Catalog
    from storage.catalog.bench import fill_once
    from storage.catalog.bench.fill import PER_SUBJECT

    with tempfile.TemporaryDirectory(prefix="dreamtuner-bench-") as folder:
        url = catalog or f"sqlite:///{folder}/catalog.db"
        with Catalog.open(url) as opened:
            fill_once(opened, outputs, on_progress=lambda done: typer.echo(f"{done}/{outputs} outputs", err=True))
            who, kind = member(opened) if of_project else visitor(opened), opened.url.get_backend_name()
            cards = gallery(outputs, PER_SUBJECT)
            rest = others(who, outputs, PER_SUBJECT)
            if of_project:
                cards, rest = of_member(cards), of_member(rest)
            with served(url, folder) as base:
                figures, every = _timed(base, who.cookies, cards, pages)
                figures += _timed(base, who.cookies, rest, pages)[0]
            settings = Settings(catalog_url=url, store_url=folder)
            whole = whole_reads(settings, opened, who.cookies, cards | rest)
    _print(kind, outputs, figures, percentile(every, 0.95), whole, as_json=as_json)


@contextmanager
def served(url: str, folder: str) -> Iterator[str]:
    """Serve a dashboard of the catalog in a separate process; yields its address."""
    import os
    import subprocess
    import sys

    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"DREAMTUNER_CATALOG_URL": url, "DREAMTUNER_STORE_URL": folder, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "deploy.dashboard.serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def _timed(
    base: str, cookies: Mapping[str, str], kinds: Mapping[str, Draw], count: int
) -> tuple[list[Figure], list[float]]:
    """Return a percentile by kind, and all times in milliseconds, shortest first."""
    import time
    from random import Random

    import httpx

    from storage.catalog.bench import Figure

    draw, figures, every = Random(0), [], []
    with httpx.Client(base_url=base, cookies=dict(cookies), headers={"Accept": "text/html"}, timeout=600) as client:
        patiently(client)
        for name, page in kinds.items():
            times = []
            for _ in range(count):
                path, began = page(draw), time.perf_counter()
                client.get(path).raise_for_status()
                times.append(1000 * (time.perf_counter() - began))
            times.sort()
            figures.append(Figure(name, count, percentile(times, 0.5), percentile(times, 0.95)))
            every += times
    return figures, sorted(every)


def patiently(client: object) -> None:
    """Wait until the server answers."""
    import time

    import httpx

    assert isinstance(client, httpx.Client)
    until = time.monotonic() + 60
    while True:
        try:
            client.get("/health").raise_for_status()
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def percentile(times: list[float], share: float) -> float:
    """Return the time that this share of sorted times is at or below."""
    return times[min(int(share * len(times)), len(times) - 1)]


def _print(
    kind: str, outputs: int, figures: list[Figure], p95: float, whole: Mapping[str, list[str]], *, as_json: bool
) -> None:
    from dataclasses import asdict

    from rich.table import Table

    from deploy.cli.terminal import plain_terminal

    if as_json:
        rows = [{name: value for name, value in asdict(one).items() if value is not None} for one in figures]
        said = {"database": kind, "outputs": outputs, "gallery_p95_ms": p95, "figures": rows}
        typer.echo(json.dumps({**said, "tables_read_whole": whole}))
        return
    table = Table(title=f"{outputs:,} outputs in {kind}: gallery p95 {p95:.1f} ms")
    for column in ("", "p50 ms", "p95 ms", "reads whole"):
        table.add_column(column, justify="left" if column in ("", "reads whole") else "right")
    for one in figures:
        table.add_row(
            one.name, f"{one.p50_ms:,.1f}", f"{one.p95_ms:,.1f}", "a large table" if one.name in whole else ""
        )
    plain_terminal().out.print(table)
