"""Catalog: run one spec from references to a scored grid and its contact sheet."""

from collections.abc import Sequence

from prefect import flow

from flows.execution.crew.crew import crew
from flows.generate import generate
from flows.outcome import CellOutcomes, completed_or_failed, result_of
from flows.planning.cells import PlannedCell, plan_cells
from flows.reporting.contact_sheet import render_sheet, store_sheet
from flows.reporting.prefect_artifacts import show_summary
from flows.reporting.reuse_sheet import reuse_sheet, sheet_key
from flows.reporting.summary import RunSummary, summarise
from flows.score import score
from flows.spec.model import Spec, demand_grid
from flows.spec.parameters import Workers
from flows.spec_run import SpecRun, spec_run
from storage.catalog import views


@flow(name="catalog", flow_run_name="{spec.name}")
def catalog(
    spec: Spec,
    new_defaults: bool = False,
    check: bool = False,
    new_weights: bool = False,
    workers: Workers = 1,
) -> RunSummary:
    """Ingest every subject, generate missing images, score unscored ones, render the contact sheet.

    If the spec sets `finetune`, the model is first fine-tuned on each subject, once, and uses that checkpoint.

    Running it again generates only what is missing. A subject that cannot be ingested is reported; the others continue.
    The run ends as Failed, with the reasons, if any requested image is missing at the end.

    Args:
        spec: The spec. Its paths are on the worker's machine.
        new_defaults: Use the profile's newest defaults, not those of the first run of a spec of this name.
        check: Check every image of the run in the store first; regenerate lost ones.
        new_weights: Generate again what an earlier run of the spec generated with other weights of its profile.
        workers: How many workers generate at once: this one, and flow runs of the deployment generate, or processes
            of this machine where the flow was not started from a deployment.
    """
    with spec_run(spec, demand_grid, new_defaults=new_defaults, new_weights=new_weights) as run:
        planned = plan_cells(run.spec, run.facts, run.ready.setup)
        run.record(planned)
        made = _generate(run, check, workers) if planned else CellOutcomes((), ())
        if planned and run.ready.metrics:
            score(run.id, spec.profile, run.ready.metrics)
        summary = run.patience.retry(lambda: _report(run, planned, made, check))
        run.row.reason = summary.reason
    return completed_or_failed(summary, summary.reason)


def _generate(run: SpecRun, check: bool, workers: int) -> CellOutcomes:
    """Generate with a crew; return the outcomes of all workers."""
    with crew(run.resources, run.id, workers):
        ours = result_of(lambda: generate(run.id, check))
    if workers == 1:
        return ours

    def by_all() -> CellOutcomes:
        with run.resources.catalog.read() as s:
            made = set(views.made_by_run(s, run.id))
        blocked = {digest: reason for digest, reason in ours.blocked.items() if digest not in made}
        return CellOutcomes(tuple(sorted(made)), tuple(d for d in ours.failed if d not in made), blocked)

    return run.patience.retry(by_all)


def _report(run: SpecRun, planned: Sequence[PlannedCell], made: CellOutcomes, check: bool) -> RunSummary:
    spec, resources, layouts = run.spec, run.resources, run.ready.layouts
    with resources.catalog.read() as s:
        cells = {cell.digest: cell for cell in views.cells_of_run(s, run.id)}
        warnings = views.warnings_of_run(s, run.id)
    subjects = summarise(spec, run.ready.metrics, run.ingested, planned, made, cells)
    key = sheet_key(spec, run.ingested, planned, cells, layouts, warnings)
    path = None if made.made or check else reuse_sheet(key, resources, run.id)
    if path is None:
        sheet = render_sheet(spec, resources, run.id, run.ingested, planned, cells, layouts, subjects, warnings)
        path = store_sheet(sheet, resources, run.id, key)
    summary = RunSummary(run.id, spec.name, path, subjects, tuple(warnings), run.newer_defaults)
    show_summary(summary)
    return summary
