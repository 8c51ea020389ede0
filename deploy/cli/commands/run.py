"""`dreamtuner run`: run a spec, here or on a Prefect worker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.exit import OK, SOME_FAILED, leave, run_with_progress
from deploy.cli.options import AsJson, Check, NewDefaults, NewWeights, SpecPath
from deploy.cli.terminal import plain_terminal, print_line, print_result
from flows.settings import Settings


def run(
    spec: SpecPath,
    submit: Annotated[
        bool,
        typer.Option("--submit", help="Submit the run to the Prefect server at PREFECT_API_URL and return at once."),
    ] = False,
    new_defaults: NewDefaults = False,
    new_weights: NewWeights = False,
    check: Check = False,
    workers: Annotated[
        int,
        typer.Option(
            min=1, max=1000, help="Generate by this many workers: processes here, with --submit flow runs of the pool."
        ),
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Run a spec: ingest its subjects, generate missing images, score them, render the contact sheet.

    Run it again after an interrupt or an error: finished images are skipped. With --json the last line on stdout is
    {"run", "made", "skipped", "failed", "contact_sheet", "warnings", "newer_defaults"}, with --submit {"flow_run",
    "name", "url"}; progress goes to stderr.
    """
    how = {"new_defaults": new_defaults, "new_weights": new_weights, "check": check}
    if submit:
        _submit(spec, how | ({"workers": workers} if workers > 1 else {}), as_json)
        return
    from deploy.cli.local_run import run_catalog
    from deploy.cli.tables import print_sheet, run_json, run_table
    from flows.planning.preflight import demand_models
    from flows.resources import Resources
    from flows.spec.yaml_file import read_spec

    settings = Settings.load()
    parsed = read_spec(spec)
    demand_models(parsed, Resources.open(settings))
    terminal, summary = run_with_progress(
        "run",
        settings,
        lambda line: run_catalog(parsed, settings, line, line.started, **how, workers=workers),
    )
    if as_json:
        print_line(terminal, run_json(summary))
    else:
        terminal.out.print(run_table(summary))
        print_sheet(terminal.out, summary)
    leave(terminal, SOME_FAILED if summary.failed else OK)


def _submit(spec: Path, how: Mapping[str, int], as_json: bool) -> None:
    from deploy.prefect.submit import local_paths, submit
    from flows.ingestion.known import demand_subjects
    from flows.resources import Resources
    from flows.spec.yaml_file import read_spec

    parsed = read_spec(spec)
    demand_subjects(parsed.subjects, Resources.open(), f"spec {parsed.name!r}")
    done = submit(parsed, **{name: value for name, value in how.items() if value})
    for there in (*local_paths(parsed), *done.outdated):
        plain_terminal().err.print(f"note: {there}", soft_wrap=True, highlight=False, markup=False)
    if as_json:
        print_result({"flow_run": done.flow_run_id, "name": done.name, "url": done.url})
    else:
        plain_terminal().out.print(
            f"{parsed.name} submitted to the work pool dreamtuner-gpu: flow run {done.name}, {done.url or ''}",
            soft_wrap=True,
            highlight=False,
        )
