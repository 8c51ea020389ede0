"""`dreamtuner bench ...`: figures measured here, now, side by side; one file a bench."""

import typer

from deploy.bench import catalog, dashboard, fidelity, orchestration, pocket, speed, table1

bench = typer.Typer(help="Measure, and print the figures.", no_args_is_help=True)
for command in (
    fidelity.fidelity,
    table1.table1,
    pocket.pocket,
    speed.speed,
    catalog.catalog,
    dashboard.dashboard,
    orchestration.orchestration,
):
    bench.command()(command)
