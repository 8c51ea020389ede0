"""`dreamtuner run`: make what a spec asks for, here or by a worker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.exit import OK, SOME_FAILED, followed, leave
from deploy.cli.options import AsJson, Check, NewDefaults, SpecPath
from deploy.cli.terminal import plain_terminal, print_line, print_result
from flows.settings import Settings


def run(
    spec: SpecPath,
    submit: Annotated[
        bool, typer.Option("--submit", help="Have a Prefect worker make it (PREFECT_API_URL), and do not wait.")
    ] = False,
    new_defaults: NewDefaults = False,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Make what a spec asks for and is not there yet: ingest, draw, score, contact sheet.

    Run it again after an interrupt or an error: only what is missing is made. With --json the last line on stdout is
    {"run", "made", "skipped", "failed", "contact_sheet", "warnings", "newer_defaults"}, with --submit {"flow_run",
    "name", "url"}; progress goes to stderr.
    """
    if submit:
        _submit(spec, {"new_defaults": new_defaults, "check": check}, as_json)
        return
    from deploy.cli.local_run import run_catalog
    from deploy.cli.tables import print_sheet, run_json, run_table
    from flows.planning.preflight import demand_models
    from flows.resources import Resources
    from flows.spec.yaml_file import read_spec

    settings = Settings.load()
    order = read_spec(spec)
    demand_models(order, Resources.open(settings))
    terminal, summary = followed(
        "run",
        settings,
        lambda line: run_catalog(order, settings, line, line.started, new_defaults=new_defaults, check=check),
    )
    if as_json:
        print_line(terminal, run_json(summary))
    else:
        terminal.out.print(run_table(summary))
        print_sheet(terminal.out, summary)
    leave(terminal, SOME_FAILED if summary.failed else OK)


def _submit(spec: Path, how: Mapping[str, bool], as_json: bool) -> None:
    from deploy.prefect.submit import local_paths, submit
    from flows.ingestion.known import demand_subjects
    from flows.resources import Resources
    from flows.spec.yaml_file import read_spec

    order = read_spec(spec)
    demand_subjects(order.subjects, Resources.open(), f"spec {order.name!r}")
    done = submit(order, **{name: value for name, value in how.items() if value})
    for there in (*local_paths(order), *done.outdated):
        plain_terminal().err.print(f"note: {there}", soft_wrap=True, highlight=False, markup=False)
    if as_json:
        print_result({"flow_run": done.flow_run_id, "name": done.name, "url": done.url})
    else:
        plain_terminal().out.print(
            f"{order.name} waits for a worker of the pool dreamtuner-gpu: flow run {done.name}, {done.url or ''}",
            soft_wrap=True,
            highlight=False,
        )
