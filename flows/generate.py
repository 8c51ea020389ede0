"""Generate: the missing cells of a run, in chunks of one subject. No cell is generated twice."""

import logging
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.execution.claims.run_progress import RunProgress
from flows.execution.claims.wait_for_others import wait_for_others
from flows.execution.costs.stop import demand_priced_worker, stop_if_asked
from flows.execution.crew.local_worker import work_for_parent
from flows.execution.handed_back import handed_back_on_sigterm
from flows.execution.run_lifecycle import run_logs
from flows.execution.run_trainings import RunTrainings
from flows.execution.server_away import wait_for_server
from flows.faults import RunStoppedError
from flows.outcome import CellOutcomes, completed_or_failed, result_of, summarise_reasons
from flows.progress import report_progress
from flows.resources import Resources
from flows.spec.parameters import RunId
from flows.spec.problems import InputError, Problem
from storage.catalog import views
from storage.catalog.records import CellState, CellView
from storage.lost import read_picture
from storage.objects import DigestMismatchError, ObjectMissingError

if TYPE_CHECKING:
    from flows.execution.generation_worker import Worker

_log = logging.getLogger(__name__)
OPEN: tuple[CellState, ...] = ("planned", "lost")


# NO_CACHE: Prefect would hash the worker, which no other run shares
@task(name="generate-cells", task_run_name="{subject}: {place}", cache_policy=NO_CACHE)
def generate_cells(worker: "Worker", digests: Sequence[str], subject: str, place: str) -> CellOutcomes:
    """Claim the cells and generate those that were unclaimed, in the calling thread; interrupts act at the next step.

    Their images may still be being stored when this returns: errors of that are raised by the next call, or by the
    flow. On an interrupt, or an error of catalog or store, unfinished cells return to planned.

    Args:
        worker: The flow's worker, in this process.
        digests: Cells of one subject.
        subject: Its name.
        place: The range of its cells, such as "33-48".
    """
    return worker.make(digests)


@flow(name="generate", flow_run_name="generate")
def generate(run_id: RunId, check: bool = False) -> CellOutcomes:
    """Generate the missing cells of a run; wait for cells that another run is generating, take over if it dies.

    What the run's cells wait for, it fine-tunes on first: each worker on another subject, whose cells it then makes.
    Between chunks of the run come chunks of other runs in progress, in fair share.

    A failed cell is retried after the others, MAX_FAILURES times in all. A video frame is generated alone, once the
    frames before it are stored. The flow waits while catalog, store or disk are unavailable. It ends as Failed if a
    cell is missing at the end, and raises RunStoppedError if the run is cancelled or its budget is spent; InputError if
    that is in money and this worker's device has no price.

    Args:
        run_id: The full ID of a run in the catalog: the tag run:... of its flow run.
        check: Check every image of the run in the store first; regenerate lost ones.
    """
    from flows.execution.generation_worker import Worker

    resources = Resources.open()
    patience = resources.patience()
    patience.retry(lambda: demand_priced_worker(resources, run_id))
    if check:
        patience.retry(lambda: mark_lost(resources, run_id))
    counts = patience.retry(lambda: _counts(resources, run_id))
    trainings = RunTrainings(resources, run_id)
    if not counts and not trainings.awaited():
        raise InputError("generate", [Problem(path=("run_id",), message=f"the catalog has no cells of run {run_id!r}")])
    with handed_back_on_sigterm(), run_logs(resources.settings, run_id), Worker(resources, run_id) as worker:
        all_of_it, trained = RunProgress(worker, run_id, counts), False
        train = partial(_fine_tune, worker)
        while True:
            # after a fine-tuning the cells of its subject come first
            if trained := not trained and trainings.train_next(train, prepare=worker.references.clear):
                all_of_it.count()
            _generate_subjects(worker, run_id, all_of_it, trainings)
            worker.flush()
            if not worker.retry_frames() and not wait_for_others(worker, run_id, trainings):
                break
        blocked = worker.blocked | worker.say_waiting() | worker.say_unable(run_id)
    total = sum(patience.retry(lambda: _counts(resources, run_id)).values())
    report_progress("generate", total, total)
    missing = patience.retry(lambda: _missing(resources, run_id))
    failed = [cell for cell in missing if cell.state == "failed"]
    # others may have generated, or be generating, what is blocked here
    blocked = {cell.digest: blocked[cell.digest] for cell in missing if cell.state in OPEN and cell.digest in blocked}
    wait_for_server(patience)
    result = CellOutcomes(tuple(sorted(worker.made)), tuple(sorted(cell.digest for cell in failed)), blocked)
    return completed_or_failed(result, _reason(len(missing), total, failed, blocked))


def _generate_subjects(worker: "Worker", run_id: str, all_of_it: RunProgress, trainings: RunTrainings) -> None:
    """Generate chunk by chunk until nothing is left to claim, or a subject is done and another waits for training."""
    subject = None
    while chunk := worker.next_chunk():
        worker.patience.retry(lambda: stop_if_asked(worker.resources, run_id, worker.account, worker.flush))
        to_train = subject not in (None, chunk.subject) and trainings.free() is not None
        subject = chunk.subject
        if not to_train:
            worker.claim_ahead()
        report_progress("generate", all_of_it.generated(), all_of_it.total)
        if chunk.frame:
            worker.flush()
        place = f"{chunk.first + 1}-{chunk.last + 1}"
        all_of_it.add(chunk, generate_cells(worker, chunk.digests, chunk.subject, place))
        if to_train:
            return


def _reason(missing: int, total: int, failed: Sequence[CellView], blocked: Mapping[str, str]) -> str | None:
    """Return why cells are missing: the counts, and the first few distinct reasons; None if none is."""
    why = dict.fromkeys(cell.error or "failed" for cell in failed) | dict.fromkeys(blocked.values())
    return summarise_reasons(f"{missing} of {total} images were not generated", list(why)) if missing else None


def _fine_tune(worker: "Worker", digest: str, subject: str, run_id: str) -> bool:
    """Fine-tune as a task, unless another process is at it; return whether this one did. Its cells are claimed next."""
    from flows.finetune import finetune_subject

    state = finetune_subject(digest, subject, run_id, wait=False, return_state=True)
    if made := bool(state.result()):
        worker.claims.begin_with(run_id, worker.ask(lambda s: views.subject_id(s, subject)))
    return made


def mark_lost(resources: Resources, run_id: str, digests: Collection[str] | None = None) -> None:
    """Read the run's images; mark the cells whose image is missing or damaged in the store as lost.

    `digests`: only of these cells.
    """
    catalog, store, cells = resources.catalog, resources.store, _cells(resources, run_id)
    if digests is not None:
        chosen = set(digests)
        cells = [cell for cell in cells if cell.digest in chosen]
    for i, cell in enumerate(cells):
        if cell.state == "generated" and cell.image_sha256 is not None:
            report_progress("generate", i, len(cells), "checking stored images")
            try:
                read_picture(catalog, store, cell.image_sha256)
            except (ObjectMissingError, DigestMismatchError) as error:
                _log.warning("cell %s is lost: %s", cell.digest, error)


def _cells(resources: Resources, run_id: str) -> list[CellView]:
    with resources.catalog.read() as s:
        return views.cells_of_run(s, run_id, scores=False)


def _missing(resources: Resources, run_id: str) -> list[CellView]:
    with resources.catalog.read() as s:
        return views.missing_of_run(s, run_id)


def _counts(resources: Resources, run_id: str) -> dict[CellState, int]:
    with resources.catalog.read() as s:
        return views.counts_of_run(s, run_id)


if __name__ == "__main__":  # a further worker of a run on this machine
    with suppress(RunStoppedError):  # the parent stops by itself
        work_for_parent(lambda: result_of(lambda: generate(sys.argv[1])))
