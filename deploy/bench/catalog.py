"""`dreamtuner bench catalog`: measure the latency of a large catalog."""

import json
from typing import Annotated

import typer


def catalog(
    catalog: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An empty catalog to fill and measure; by default a temporary SQLite file."),
    ] = None,
    outputs: Annotated[int, typer.Option(min=1, help="Synthetic outputs to fill it with.")] = 1_000_000,
    pages: Annotated[int, typer.Option(min=1, help="Pages of each kind.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure the latency of a large catalog, and how many cells per second it plans, claims and finishes."""
    import tempfile
    from dataclasses import asdict
    from time import perf_counter

    from rich.table import Table

    from deploy.cli.terminal import plain_terminal
    from storage.catalog import Catalog
    from storage.catalog.bench import fill, measure

    with (
        tempfile.TemporaryDirectory(prefix="dreamtuner-bench-") as folder,
        Catalog.open(catalog or f"sqlite:///{folder}/catalog.db") as opened,
    ):
        began = perf_counter()
        fill(opened, outputs, on_progress=lambda done: typer.echo(f"{done}/{outputs} outputs", err=True))
        seconds = perf_counter() - began
        figures = measure(opened, outputs, pages=pages)
        kind = opened.url.get_backend_name()
    if as_json:
        rows = [{name: value for name, value in asdict(one).items() if value is not None} for one in figures]
        typer.echo(json.dumps({"database": kind, "outputs": outputs, "fill_seconds": seconds, "figures": rows}))
        return
    table = Table(title=f"{outputs:,} outputs in {kind}, filled in {seconds:.0f} s")
    for column in ("", "p50 ms", "p95 ms", "per second"):
        table.add_column(column, justify="right" if column else "left")
    for one in figures:
        numbers = (one.p50_ms, one.p95_ms, one.per_second)
        table.add_row(one.name, *("" if number is None else f"{number:,.1f}" for number in numbers))
    plain_terminal().out.print(table)
