"""`dreamtuner bench review`: measure how soon the next picture is on the screen."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.bench.pages import Visitor

EVERY = 100  # pictures per line of progress


def review(
    pictures: Annotated[int, typer.Option(min=2, help="Pictures to decide on.")] = 200,
    size: Annotated[int, typer.Option(min=16, max=4096, help="Pixels of their sides.")] = 1024,
    line: Annotated[float, typer.Option(min=0, help="Mbit/s between browser and server; 0: as it is.")] = 0,
    latency: Annotated[float, typer.Option(min=0, help="Milliseconds of each request on that line.")] = 20,
    pace: Annotated[
        float, typer.Option(min=0, help="Seconds from key to key at least; 0: as soon as it is there.")
    ] = 0.7,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure in Chromium how soon after a key the next picture is on the screen, and whether decisions are lost.

    The pictures are photographs of scikit-image and noise, as of bench marks, in a catalog and a store of their own in
    a temporary folder; smaller ones than 256 pixels are plain. The dashboard is a separate process. Needs playwright
    and Chromium.
    """
    import tempfile

    from deploy.bench.dashboard import percentile
    from deploy.bench.pages import visitor
    from deploy.bench.review.browser import NoBrowserError, chromium
    from deploy.bench.review.fill import fill
    from deploy.cli.terminal import plain_terminal
    from storage.catalog import Catalog, views

    try:
        chromium()
    except NoBrowserError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    with tempfile.TemporaryDirectory(prefix="dreamtuner-bench-") as folder:
        url, home = f"sqlite:///{folder}/catalog.db", Path(folder)
        with Catalog.open(url) as catalog:
            made = []
            for count in fill(home, catalog, pictures, size):
                made.append(count)
                _tell(len(made), pictures, "pictures made")
            who = visitor(catalog, pictures)
            times = sorted(_timed(url, home, who, pictures, (line, latency), pace))
            with catalog.read() as s:
                decided = views.tally(s, range(1, pictures + 1))
    stored = sum(count for decision, count in decided.items() if decision != "none")
    said = {
        "pictures": pictures,
        "size": size,
        "mean_png_bytes": round(sum(made) / len(made)),
        "line_mbit": line,
        "pace_seconds": pace,
        "p50_ms": round(percentile(times, 0.5), 1),
        "p95_ms": round(percentile(times, 0.95), 1),
        "p99_ms": round(percentile(times, 0.99), 1),
        "most_ms": round(times[-1], 1),
        "decisions_lost": pictures - stored,
    }
    if as_json:
        typer.echo(json.dumps(said))
        return
    over = f"{line:g} Mbit/s, {latency:g} ms" if line else "this machine's loopback"
    out = plain_terminal().out
    out.print(f"{pictures} pictures of {size} x {size} ({said['mean_png_bytes'] / 1e6:.2f} MB as PNG) over {over}:")
    out.print(
        f"from key to next picture {said['p50_ms']} ms (p50), {said['p95_ms']} ms (p95), {said['most_ms']} ms at most"
    )
    out.print(f"decisions lost: {said['decisions_lost']} of {pictures}")


def _timed(url: str, home: Path, who: Visitor, pictures: int, line: tuple[float, float], pace: float) -> list[float]:
    import httpx

    from deploy.bench.dashboard import patiently, served
    from deploy.bench.review.browser import Line, review

    with served(url, str(home / "objects")) as base:
        with httpx.Client(base_url=base) as client:
            patiently(client)
        told = partial(_tell, of=pictures, what="decided")
        return review(base, who.cookies, who.queue_id, pictures, Line(*line), pace, told)


def _tell(number: int, of: int, what: str) -> None:
    if number % EVERY == 0 or number == of:
        typer.echo(f"{number}/{of} {what}", err=True)
