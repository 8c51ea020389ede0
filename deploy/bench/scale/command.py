"""`dreamtuner bench scale`: measure the claims of a thousand workers."""

import json
from pathlib import Path
from typing import Annotated

import typer


def scale(
    catalog: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar="DREAMTUNER_BENCH_CATALOG_URL",
            help="A PostgreSQL database for this benchmark alone, postgresql://...; runs are planned in it.",
        ),
    ],
    workers: Annotated[
        str, typer.Option(help="Numbers of workers, one measurement each, separated by commas.")
    ] = "1,10,100,1000",
    rate: Annotated[float, typer.Option(min=0.1, help="Cells per second of all workers together.")] = 116.0,
    minutes: Annotated[float, typer.Option(min=0.02, help="Measured time of each number of workers.")] = 10.0,
    ramp: Annotated[float, typer.Option(min=0, help="Seconds over which the workers start; not measured.")] = 30.0,
    chunk: Annotated[int, typer.Option(min=1, max=4096, help="Cells in one claim.")] = 16,
    lease: Annotated[float, typer.Option(min=1, help="Seconds of a lease, renewed four times in that.")] = 60.0,
    evictions: Annotated[
        float, typer.Option(min=0, max=1, help="Part of the workers that dies each minute without a word.")
    ] = 0.05,
    failures: Annotated[float, typer.Option(min=0, max=1, help="Part of the cells that fails.")] = 0.01,
    plot: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the curves to this PNG file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Simulate workers that claim, renew, finish and fail cells in a real PostgreSQL, in real time.

    The catalog's functions are the real ones; a worker generates by waiting as long as a cell takes, workers / rate.
    Nothing is computed and no image is stored. Evictions are more frequent than in life; times are never scaled. Each
    worker has a database connection of its own. Afterwards the catalog is checked: no cell lost, none twice.
    """
    from deploy.bench.scale.measure import measure
    from deploy.bench.scale.plan import Load
    from deploy.bench.scale.report import machine, table
    from deploy.cli.terminal import plain_terminal
    from storage.catalog import Catalog
    from storage.catalog.database.engine import catalog_url, is_sqlite

    numbers = _numbers(workers)
    if is_sqlite(catalog_url(catalog)):
        raise typer.BadParameter("name a PostgreSQL database; SQLite is for one machine", param_hint="--catalog")
    rows = []
    with Catalog.open(catalog) as opened:
        for number in numbers:
            load = Load(catalog, "", number, rate, 60 * minutes, ramp, chunk, lease, evictions, failures)
            rows.append(measure(opened, load, say=lambda line: typer.echo(line, err=True)))
    if plot is not None:
        from deploy.bench.scale.plot import curves

        plot.write_bytes(curves(rows))
    if as_json:
        typer.echo(json.dumps({"machine": machine(), "rows": [row.as_json() for row in rows]}))
    else:
        plain_terminal().out.print(table(rows))


def _numbers(given: str) -> list[int]:
    try:
        numbers = [int(one) for one in given.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise typer.BadParameter(f"{given!r}: write whole numbers from 1, such as 1,10,100", param_hint="--workers")
    return numbers
