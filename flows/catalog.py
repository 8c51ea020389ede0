"""Catalog: run one spec from references to a scored grid and its contact sheet."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from prefect import flow

from flows.execution.costs.stop import stop_if_cancelled
from flows.execution.crew.conduct import Conductor, why_missing
from flows.execution.crew.hire import Hiring
from flows.finetune import request_finetunings
from flows.generate import generate, mark_lost
from flows.ingestion.store_subject import IngestResult
from flows.outcome import CellOutcomes, completed_or_failed, result_of
from flows.planning.cells import PlannedCell, plan_cells
from flows.planning.scenes.plan import plan_scenes
from flows.reporting.contact_sheet import render_sheet, store_sheet
from flows.reporting.prefect_artifacts import show_summary
from flows.reporting.reuse_sheet import reuse_sheet, sheet_key
from flows.reporting.summary import RunSummary, summarise
from flows.resources import Resources
from flows.score import score, score_beside
from flows.spec.model import Workers, demand_grid
from flows.spec.stored import StoredSpec
from flows.spec_run import SpecRun, spec_run
from storage.catalog import views, writes

POLL_SECONDS = 1.0


@flow(name="catalog", flow_run_name="{spec.name}")
def catalog(
    spec: StoredSpec,
    new_defaults: bool = False,
    check: bool = False,
    new_weights: bool = False,
    workers: Workers | None = None,
) -> RunSummary:
    """Ingest every subject, generate missing images, score unscored ones, render the contact sheet.

    If the spec sets `finetune`, the model is first fine-tuned on each subject, once, and uses that checkpoint.

    Running it again generates only what is missing. A subject that cannot be ingested is reported; the others continue.
    The run ends as Failed, with the reasons, if any requested image is missing at the end.

    Args:
        spec: The spec, or where the object store has it. Its paths are on the worker's machine.
        new_defaults: Use the profile's newest defaults, not those of the first run of a spec of this name.
        check: Check every image of the run in the store first; regenerate lost ones.
        new_weights: Generate again what an earlier run of the spec generated with other weights of its profile.
        workers: How many workers fine-tune and generate at once: flow runs of the deployment generate, or processes of
            this machine if the flow was not started from a deployment. 0: as many as the work pool has; none: what the
            spec says, else 0 in a deployment.
    """
    resources = Resources.open()
    hiring = resources.patience().retry(lambda: Hiring.decide(workers, spec.workers, resources))
    chosen = {"new_defaults": new_defaults, "new_weights": new_weights}
    with spec_run(spec, demand_grid, **chosen, fine_tune=hiring.here, here=hiring.on_this_machine) as run:
        if hiring.here:
            planned = plan_cells(run.spec, run.facts, run.ready.setup)
            planned += plan_scenes(run.spec, run.facts, run.ready.setup)
            run.record(planned)
            made = _generate(run, check, hiring) if planned else CellOutcomes((), ())
        else:
            run, planned, made = _conduct(run, check, hiring)
        if planned and run.ready.metrics:
            run.patience.retry(lambda: score(run.id, spec.profile, run.ready.metrics))
        summary = run.patience.retry(lambda: _report(run, planned, made, check))
        run.row.reason = summary.reason
    return completed_or_failed(summary, summary.reason)


def _generate(run: SpecRun, check: bool, hiring: Hiring) -> CellOutcomes:
    """Generate in this process, and in others if they are hired; return the outcomes of all."""
    if hiring.count == 1:
        ours = run.patience.retry(lambda: result_of(lambda: generate(run.id, check)))
        # workers of other runs may have made some of its images, and this one some of theirs
        return replace(ours, made=_made(run))
    with run.patience.retry(lambda: hiring.crew(run.id, run.resources)):
        run.patience.retry(lambda: result_of(lambda: generate(run.id, check)))
        while run.patience.retry(lambda: _generating(run)):
            run.patience.retry(lambda: stop_if_cancelled(run.resources, run.id))
            time.sleep(POLL_SECONDS)
    return run.patience.retry(lambda: _outcomes(run, None))


def _made(run: SpecRun) -> tuple[str, ...]:
    """Return the digests of the images made for the run, by whichever worker."""

    def read() -> tuple[str, ...]:
        with run.resources.catalog.read() as s:
            return tuple(sorted(views.made_by_run(s, run.id)))

    return run.patience.retry(read)


def _generating(run: SpecRun) -> bool:
    with run.resources.catalog.read() as s:
        return views.poll_run(s, run.id, most=0).generating > 0


def _conduct(run: SpecRun, check: bool, hiring: Hiring) -> tuple[SpecRun, list[PlannedCell], CellOutcomes]:
    """Let others fine-tune and generate.

    Returns the run without the subjects that could not be learnt, its cells, and what became of them.
    """
    planned: dict[str, list[PlannedCell]] = {}
    subjects, ready = run.ingested.ingested, set[str]()

    def plan(names: Sequence[str], training: str | None = None) -> None:
        facts = [one.facts for one in subjects if one.facts.name in names]
        cells = plan_cells(run.spec, facts, run.ready.setup)
        ready.update(names)
        present = [one.facts for one in subjects if one.facts.name in ready]
        cells += plan_scenes(run.spec, present, run.ready.setup, new=names)  # those whose last subject is here now
        run.record(cells, training=training)
        for cell in cells:
            planned.setdefault(cell.subject, []).append(cell)
        if check:
            run.patience.retry(lambda: mark_lost(run.resources, run.id, [cell.digest for cell in cells]))

    names = [one.facts.name for one in subjects]
    learning = request_finetunings(subjects, run.spec.profile, run.ready.setup, run.resources)
    plan([] if learning else names)
    awaited = [(digest, run.spec.cells_per_subject) for digest in learning]
    run.patience.retry(lambda: run.resources.catalog.transact(lambda s: writes.await_trainings(s, run.id, awaited)))
    metrics = run.ready.metrics
    scoring: Callable[[], bool] = lambda: score_beside(run.id, run.spec.profile, metrics)  # noqa: E731
    conductor = Conductor(run.resources, run.id, lambda digest: plan([learning[digest].facts.name], digest), scoring)
    failed = conductor.conduct(lambda: run.patience.retry(lambda: hiring.crew(run.id, run.resources)))
    learnt = tuple(one for one in subjects if one.facts.name not in failed)
    run.row.refused = run.ingested.refused | failed
    outcomes = run.patience.retry(lambda: _outcomes(run, conductor.why))
    run = replace(run, ingested=IngestResult(learnt, run.row.refused))
    return run, [cell for name in names for cell in planned.get(name, ())], outcomes


def _outcomes(run: SpecRun, why: str | None) -> CellOutcomes:
    """Return what became of the run's cells, by whichever worker. `why`: what the workers gave as reason."""
    with run.resources.catalog.read() as s:
        cells, made = views.cells_of_run(s, run.id, scores=False), views.made_by_run(s, run.id)
    blocked = {cell.digest: reason for cell in cells if (reason := why_missing(cell, why)) is not None}
    failed = tuple(sorted(cell.digest for cell in cells if cell.state == "failed" and cell.digest not in blocked))
    return CellOutcomes(tuple(sorted(made)), failed, blocked)


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
