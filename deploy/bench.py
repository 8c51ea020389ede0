"""`dreamtuner bench ...`: figures measured here, now, side by side."""

import json
from functools import partial
from typing import Annotated

import typer

bench = typer.Typer(help="Measure, and print the figures.", no_args_is_help=True)


@bench.command()
def fidelity(
    subjects: Annotated[int, typer.Option(min=2, help="Held-out subjects of the pocket world.")] = 12,
    cells: Annotated[int, typer.Option(min=1, help="Pictures of each.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """How much of the reference's subject is carried, against the same cells with w_ref = 0, as the oracle reads it."""
    from dataclasses import asdict

    from rich.table import Table

    from deploy.terminal import plain_terminal
    from dreamtuner.backbone import load_backbone
    from dreamtuner.pocket.fidelity import held_out_subjects, measure
    from dreamtuner.score.oracle import Oracle
    from flows.resources import device_of, profile_of
    from flows.settings import Settings

    settings = Settings.load()
    profile = profile_of(settings, "pocket")
    backbone = load_backbone(profile, device=device_of(settings))
    oracle = Oracle.load(profile.weights / "oracle")
    chosen = held_out_subjects(subjects)
    variants: dict[str, dict[str, object]] = {"with reference": {}, "w_ref = 0": {"w_ref": 0.0}}
    found = {}
    for name, overrides in variants.items():
        say = partial(_say, name, subjects)
        found[name] = measure(backbone, oracle, profile, chosen, cells, overrides, say)
    if as_json:
        plain = {name: {row: asdict(share) for row, share in rows.items()} for name, rows in found.items()}
        typer.echo(json.dumps({"subjects": subjects, "cells": cells, "shares": plain}))
        return
    table = Table(title=f"{subjects} held-out subjects x {cells} cells, read by the oracle; 95 % over subjects")
    table.add_column("shown as in the reference or prompt")
    for name in found:
        table.add_column(name, justify="right")
    for row in next(iter(found.values())):
        both = [rows[row] for rows in found.values()]
        table.add_row(row, *(f"{100 * share.mean:.1f} ± {100 * share.half_width:.1f} %" for share in both))
    plain_terminal().out.print(table)


@bench.command("catalog")
def catalog_(
    catalog: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An empty catalog to fill and measure; default a SQLite file, removed after."),
    ] = None,
    outputs: Annotated[int, typer.Option(min=1, help="Made-up outputs to fill it with.")] = 1_000_000,
    pages: Annotated[int, typer.Option(min=1, help="Pages of each kind.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """How quickly a large catalog answers, and how many cells a second it plans, claims and finishes."""
    import tempfile
    from dataclasses import asdict
    from time import perf_counter

    from rich.table import Table

    from deploy.terminal import plain_terminal
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


def _say(name: str, subjects: int, done: int) -> None:
    typer.echo(f"{name}: {done}/{subjects} subjects", err=True)
