"""Catalog: one spec from references to a scored grid and its contact sheet. The verbs, chained."""

from collections.abc import Sequence

from prefect import flow
from prefect.runtime import flow_run

from flows.artifacts import show_summary, shown
from flows.contact import draw_sheet, keep_sheet
from flows.dead import close_dead_runs, crash_dead_flow_runs
from flows.draw import settings_of
from flows.generate import Made, generate
from flows.ingest import IngestResult, ingest
from flows.keep import Ingested
from flows.plan import PlannedCell, plan_cells
from flows.preflight import Ready, preflight
from flows.report import RunSummary, summarise
from flows.resources import catalog_of, profile_of
from flows.score import score
from flows.settings import Settings
from flows.spec import Spec
from storage.catalog import views, writes
from storage.catalog.owners import this_owner
from storage.catalog.records import CellRecord
from storage.catalog.run_beat import RunBeat


@flow(name="catalog", flow_run_name="{spec.name}")
def catalog(spec: Spec) -> RunSummary:
    """Ingest every subject, make the cells that are missing, score what is unscored, draw the contact sheet.

    Running it again makes only what is missing. A subject that cannot be taken in is reported and the others go on.

    Args:
        spec: The order. Paths in it are those of the worker's machine.
    """
    settings = Settings.load()
    ready = preflight(spec, settings)
    close_dead_runs(settings)
    crash_dead_flow_runs(settings)
    with catalog_of(settings).write() as s:
        run_id = writes.start_run(
            s,
            name=spec.name,
            spec=spec.model_dump(mode="json"),
            flow_run_id=str(flow_run.id) if flow_run.id else None,
            owner=this_owner(),
        )
    beat = RunBeat(catalog_of(settings), run_id, silent_seconds=settings.lease_seconds)
    try:
        with beat, shown(run_id, spec.name):
            summary = _run(spec, settings, ready, run_id)
    except BaseException as error:
        with catalog_of(settings).write() as s:
            writes.finish_run(s, run_id, "crashed" if isinstance(error, Exception) else "cancelled")
        raise
    with catalog_of(settings).write() as s:
        writes.finish_run(s, run_id, "failed" if summary.failed else "completed")
    return summary


def _run(spec: Spec, settings: Settings, ready: Ready, run_id: str) -> RunSummary:
    ingested = ingest(spec.subjects)
    planned = plan_cells(spec, [one.facts for one in ingested.ingested], weights=ready.weights, sampling=ready.sampling)
    record(spec, settings, ready, run_id, ingested.ingested, planned)
    made = generate(run_id) if planned else Made((), ())
    if planned and spec.score:
        score(run_id, spec.profile, spec.score)
    return _report(spec, settings, run_id, ingested, planned, made)


def record(
    spec: Spec,
    settings: Settings,
    ready: Ready,
    run_id: str,
    ingested: Sequence[Ingested],
    planned: Sequence[PlannedCell],
) -> None:
    """Enter the grid in the catalog; cells that are there already only join the run."""
    rows = {one.facts.name: one for one in ingested}
    with catalog_of(settings).write() as s:
        licence = profile_of(settings, spec.profile).licence
        profile_id = writes.add_profile(s, name=spec.profile, weights_digest=ready.weights, licence=licence)
        records = [
            CellRecord(
                digest=cell.digest,
                subject_id=rows[cell.subject].subject_id,
                reference_id=rows[cell.subject].reference_id,
                mask_id=rows[cell.subject].mask_id,
                profile_id=profile_id,
                prompt=cell.prompt,
                pose=None,
                seed=cell.seed,
                settings=settings_of(cell.recipe),
            )
            for cell in planned
        ]
        writes.plan_cells(s, run_id, records)


def _report(
    spec: Spec,
    settings: Settings,
    run_id: str,
    ingested: IngestResult,
    planned: Sequence[PlannedCell],
    made: Made,
) -> RunSummary:
    with catalog_of(settings).read() as s:
        cells = {cell.digest: cell for cell in views.cells_of_run(s, run_id)}
    subjects = summarise(spec, ingested, planned, made, cells)
    sheet = draw_sheet(spec, settings, run_id, ingested, planned, cells, subjects)
    summary = RunSummary(run_id, spec.name, keep_sheet(sheet, settings, run_id), subjects)
    show_summary(summary, sheet)
    return summary
