"""Catalog: one spec from references to a scored grid and its contact sheet. The verbs, chained."""

from collections.abc import Sequence

from prefect import flow

from flows.artifacts import show_summary
from flows.contact import draw_sheet, keep_sheet
from flows.finetune import finetune_all
from flows.generate import Made, generate
from flows.ingest import IngestResult, ingest
from flows.outcome import came_to, ending
from flows.patience import Patience
from flows.plan import PlannedCell, plan_cells
from flows.preflight import Ready, preflight
from flows.record import record
from flows.report import RunSummary, summarise
from flows.resources import catalog_of
from flows.run_row import RunRow, run_row
from flows.score import score
from flows.settings import Settings
from flows.spec import Spec, demand_grid
from storage.catalog import views


@flow(name="catalog", flow_run_name="{spec.name}")
def catalog(spec: Spec) -> RunSummary:
    """Ingest every subject, make the cells that are missing, score what is unscored, draw the contact sheet.

    Where the spec says `finetune`, the model learns each subject first, once, and draws with what it learnt.

    Running it again makes only what is missing. A subject that cannot be taken in is reported and the others go on.
    The run is Failed where something of what was asked for is not there in the end, and says what and why.

    Args:
        spec: The order. Paths in it are those of the worker's machine.
    """
    settings = Settings.load()
    with run_row(spec, settings) as row:
        demand_grid(spec)
        summary = _run(spec, settings, preflight(spec, settings), row)
        row.reason = summary.reason
    return ending(summary, row.reason)


def _run(spec: Spec, settings: Settings, ready: Ready, row: RunRow) -> RunSummary:
    patience, run_id = Patience.of(settings), row.id
    ingested = came_to(lambda: ingest(spec.subjects))
    known, unknown = finetune_all(ingested.ingested, spec.profile, ready.drawing, settings)
    ingested = IngestResult(tuple(known), ingested.refused | unknown)
    row.refused = ingested.refused
    planned = plan_cells(spec, [one.facts for one in ingested.ingested], ready.drawing)
    patience.bear(lambda: record(spec, settings, ready, run_id, ingested.ingested, planned))
    made = came_to(lambda: generate(run_id)) if planned else Made((), ())
    if planned and spec.score:
        score(run_id, spec.profile, spec.score)
    return patience.bear(lambda: _report(spec, settings, ready, run_id, ingested, planned, made))


def _report(
    spec: Spec,
    settings: Settings,
    ready: Ready,
    run_id: str,
    ingested: IngestResult,
    planned: Sequence[PlannedCell],
    made: Made,
) -> RunSummary:
    with catalog_of(settings).read() as s:
        cells = {cell.digest: cell for cell in views.cells_of_run(s, run_id)}
        warnings = views.warnings_of_run(s, run_id)
    subjects = summarise(spec, ingested, planned, made, cells)
    sheet = draw_sheet(spec, settings, run_id, ingested, planned, cells, ready.layouts, subjects, warnings)
    summary = RunSummary(run_id, spec.name, keep_sheet(sheet, settings, run_id), subjects, tuple(warnings))
    show_summary(summary, sheet)
    return summary
