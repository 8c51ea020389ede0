"""Catalog: one spec from references to a scored grid and its contact sheet. The verbs, chained."""

from collections.abc import Sequence

from prefect import flow

from flows.execution.record_plan import record
from flows.execution.run_lifecycle import RunRow, run_row
from flows.finetune import finetune_all
from flows.generate import generate
from flows.ingest import ingest
from flows.ingestion.sources import held
from flows.ingestion.store_subject import IngestResult
from flows.outcome import Made, came_to, ending
from flows.patience import Patience
from flows.planning.cells import PlannedCell, plan_cells
from flows.planning.defaults import Defaults, defaults_of_spec, newer_defaults
from flows.planning.preflight import Ready, preflight
from flows.reporting.contact_sheet import draw_sheet, keep_sheet
from flows.reporting.prefect_artifacts import show_summary
from flows.reporting.reuse_sheet import reuse_sheet, sheet_key
from flows.reporting.summary import RunSummary, summarise
from flows.resources import catalog_of, profile_of
from flows.score import score
from flows.settings import Settings
from flows.spec.model import Spec, demand_grid
from storage.catalog import views


@flow(name="catalog", flow_run_name="{spec.name}")
def catalog(spec: Spec, new_defaults: bool = False, check: bool = False) -> RunSummary:
    """Ingest every subject, make the cells that are missing, score what is unscored, draw the contact sheet.

    Where the spec says `finetune`, the model learns each subject first, once, and draws with what it learnt.

    Running it again makes only what is missing. A subject that cannot be taken in is reported and the others go on.
    The run is Failed where something of what was asked for is not there in the end, and says what and why.

    Args:
        spec: The order. Paths in it are those of the worker's machine.
        new_defaults: Take the profile's newest numbers, not those that a spec of this name first ran with.
        check: Read every picture of the run first; those that the store lost are generated again.
    """
    settings, spec = Settings.load(), held(spec)
    with run_row(spec, settings) as row:
        demand_grid(spec)
        defaults = defaults_of_spec(spec, profile_of(settings, spec.profile), catalog_of(settings), new=new_defaults)
        ready = preflight(spec, settings, defaults.profile)
        defaults.remember(catalog_of(settings), new=new_defaults)
        summary = _run(spec, settings, ready, row, defaults, check)
        row.reason = summary.reason
    return ending(summary, row.reason)


def _run(spec: Spec, settings: Settings, ready: Ready, row: RunRow, defaults: Defaults, check: bool) -> RunSummary:
    patience, run_id = Patience.of(settings), row.id
    ingested = came_to(lambda: ingest(spec.subjects))
    known, unknown = finetune_all(ingested.ingested, spec.profile, ready.drawing, settings)
    ingested = IngestResult(tuple(known), ingested.refused | unknown)
    row.refused = ingested.refused
    planned = plan_cells(spec, [one.facts for one in ingested.ingested], ready.drawing)
    patience.bear(lambda: record(spec, settings, ready, run_id, ingested.ingested, planned))
    made = came_to(lambda: generate(run_id, check)) if planned else Made((), ())
    if planned and spec.score:
        score(run_id, spec.profile, spec.score)
    newer = newer_defaults(spec, defaults, [one.facts.style for one in ingested.ingested])
    return patience.bear(lambda: _report(spec, settings, ready, run_id, ingested, planned, made, newer, check))


def _report(
    spec: Spec,
    settings: Settings,
    ready: Ready,
    run_id: str,
    ingested: IngestResult,
    planned: Sequence[PlannedCell],
    made: Made,
    newer: str | None,
    check: bool,
) -> RunSummary:
    with catalog_of(settings).read() as s:
        cells = {cell.digest: cell for cell in views.cells_of_run(s, run_id)}
        warnings = views.warnings_of_run(s, run_id)
    subjects = summarise(spec, ingested, planned, made, cells)
    key = sheet_key(spec, ingested, planned, cells, ready.layouts, warnings)
    path = None if made.made or check else reuse_sheet(key, settings, run_id)
    if path is None:
        sheet = draw_sheet(spec, settings, run_id, ingested, planned, cells, ready.layouts, subjects, warnings)
        path = keep_sheet(sheet, settings, run_id, key)
    summary = RunSummary(run_id, spec.name, path, subjects, tuple(warnings), newer)
    show_summary(summary)
    return summary
