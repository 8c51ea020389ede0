"""`dreamtuner run`: run a spec, here or on a Prefect worker."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.exit import OK, SOME_FAILED, leave, run_with_progress
from deploy.cli.options import AsJson, Check, NewDefaults, NewWeights, SpecPath
from deploy.cli.terminal import plain_terminal, print_line, print_result
from flows.settings import Settings
from storage.catalog.records import Priority

if TYPE_CHECKING:
    from flows.spec.model import Spec


_STORED = (
    "the spec is too large for Prefect and lies in the object store; the workers need the same DREAMTUNER_STORE_URL"
)


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
        str | None,
        typer.Option(
            metavar="N|auto",
            help="Fine-tune and generate by this many workers: processes here, with --submit flow runs of the pool. "
            "auto: one for each GPU here, or for each worker of the pool.",
        ),
    ] = None,
    priority: Annotated[
        Priority | None,
        typer.Option(help="The run's share of the workers beside other runs, instead of the spec's priority."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a spec: ingest its subjects, generate missing images, score them, render the contact sheet.

    Run it again after an interrupt or an error: finished images are skipped. With --json the last line on stdout is
    {"run", "made", "skipped", "failed", "contact_sheet", "warnings", "newer_defaults"}, with --submit {"flow_run",
    "name", "url"}; progress goes to stderr.
    """
    count = _count(workers)
    how = {"new_defaults": new_defaults, "new_weights": new_weights, "check": check}
    if submit:
        _submit(spec, priority, how, count, as_json)
        return
    from deploy.cli.local_run import run_catalog
    from deploy.cli.tables import print_sheet, run_json, run_table
    from flows.planning.preflight import demand_models
    from flows.resources import Resources
    from flows.spec.yaml_file import read_spec

    settings = Settings.load()
    parsed = with_priority(read_spec(spec), priority)
    demand_models(parsed, Resources.open(settings))
    terminal, summary = run_with_progress(
        "run",
        settings,
        lambda line: run_catalog(parsed, settings, line, line.started, **how, workers=count),
    )
    if as_json:
        print_line(terminal, run_json(summary))
    else:
        terminal.out.print(run_table(summary))
        print_sheet(terminal.out, summary)
    leave(terminal, SOME_FAILED if summary.failed else OK)


def _count(workers: str | None) -> int | None:
    """Return the number of workers, 0 for auto; None if the option is not given. Raises BadParameter."""
    if workers is None:
        return None
    if workers == "auto":
        return 0
    if not workers.isdecimal() or not 1 <= int(workers) <= 1000:
        message = f"{workers!r} is no number of workers; give 1 to 1000, or auto"
        raise typer.BadParameter(message, param_hint="--workers")
    return int(workers)


def with_priority(spec: "Spec", priority: Priority | None) -> "Spec":
    """Return the spec with this priority; None: with its own."""
    return spec if priority is None else spec.model_copy(update={"priority": priority})


def _submit(spec: Path, priority: Priority | None, how: Mapping[str, bool], workers: int | None, as_json: bool) -> None:
    from deploy.prefect.submit import local_paths, submit
    from flows.ingestion.known import demand_subjects
    from flows.resources import Resources
    from flows.spec.yaml_file import read_spec

    parsed = with_priority(read_spec(spec), priority)
    demand_subjects(parsed.subjects, Resources.open(), f"spec {parsed.name!r}")
    stated = {name: value for name, value in how.items() if value}
    done = submit(parsed, **stated, **({} if workers is None else {"workers": workers}))
    stored = () if done.stored is None else (_STORED,)
    for there in (*local_paths(parsed), *stored, *done.outdated, *done.unattended):
        plain_terminal().err.print(f"note: {there}", soft_wrap=True, highlight=False, markup=False)
    if as_json:
        print_result({"flow_run": done.flow_run_id, "name": done.name, "url": done.url})
    else:
        plain_terminal().out.print(
            f"{parsed.name} submitted to the work pool {done.pool}: flow run {done.name}, {done.url or ''}",
            soft_wrap=True,
            highlight=False,
        )
