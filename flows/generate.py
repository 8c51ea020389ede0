"""Generate: the missing cells of a run, in chunks of one subject. No cell is generated twice."""

import logging
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, pairwise
from typing import TypeVar

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from sqlalchemy.orm import Session

from flows.execution.chunk_order import ordered_chunks
from flows.execution.costs.stop import stop_if_asked
from flows.execution.crew.local_worker import work_for_parent
from flows.execution.generation_worker import Worker
from flows.execution.handed_back import handed_back_on_sigterm
from flows.execution.run_lifecycle import run_logs
from flows.execution.run_trainings import RunTrainings
from flows.execution.wait_for_others import wait_for_others
from flows.faults import RunStoppedError
from flows.outcome import CellOutcomes, completed_or_failed, result_of, summarise_reasons
from flows.progress import report_progress
from flows.resources import Resources
from flows.spec.parameters import RunId
from flows.spec.problems import InputError, Problem
from storage.catalog import views
from storage.catalog.records import MAX_FAILURES, CellView
from storage.lost import read_picture
from storage.objects import DigestMismatchError, ObjectMissingError

T = TypeVar("T")
_log = logging.getLogger(__name__)


# NO_CACHE: Prefect would hash the worker, which no other run shares
@task(name="generate-cells", task_run_name="{subject}: {place}", cache_policy=NO_CACHE)
def generate_cells(worker: Worker, digests: Sequence[str], subject: str, place: str) -> CellOutcomes:
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
    A failed cell is retried after the others, MAX_FAILURES times in all. A video frame is generated alone, once the
    frames before it are stored. The flow waits while catalog, store or disk are unavailable. It ends as Failed if a
    cell is missing at the end, and raises RunStoppedError if the run is cancelled or its budget is spent.

    Args:
        run_id: The full ID of a run in the catalog: the tag run:... of its flow run.
        check: Check every image of the run in the store first; regenerate lost ones.
    """
    resources = Resources.open()
    patience = resources.patience()
    if check:
        patience.retry(lambda: mark_lost(resources, run_id))
    cells = patience.retry(lambda: _cells(resources, run_id))
    trainings = RunTrainings(resources, run_id)
    if not cells and not trainings.awaited():
        raise InputError("generate", [Problem(path=("run_id",), message=f"the catalog has no cells of run {run_id!r}")])
    trained = False
    with handed_back_on_sigterm(), run_logs(resources.settings, run_id), Worker(resources, run_id) as worker:
        while (missing := _missing(cells, worker)) or trainings.awaited():
            # after a fine-tuning the cells of its subject come first
            if trained := not trained and trainings.train_next(_fine_tune, prepare=worker.references.clear):
                cells = patience.retry(lambda: _cells(resources, run_id))
                continue
            claimed, there = 0, _generated(cells)
            chunks = ordered_chunks(missing, resources.settings.chunk_cells, lambda: _others_at(worker, run_id))
            for chunk, following in _with_next(chunks):
                patience.retry(lambda: stop_if_asked(resources, run_id, worker.account, worker.flush))
                to_train = following is not None and following.subject != chunk.subject and trainings.free() is not None
                # a frame waits until those before it are stored
                if following is not None and not to_train and not following.uses_earlier_frames:
                    worker.ahead(following.digests)
                ours = len(cells) - len(missing) + claimed
                report_progress("generate", max(ours, _generated_by_all(worker, run_id)), len(cells))
                if chunk.uses_earlier_frames:
                    worker.flush()
                result = generate_cells(worker, chunk.digests, chunk.subject, chunk.place)
                claimed += result.claimed
                if to_train:
                    break
            worker.flush()
            if not claimed:
                patience.retry(lambda: _wait(worker, run_id, trainings))
            cells = patience.retry(lambda: _cells(resources, run_id))
            if _generated(cells) > there:
                worker.retry_frames()
    report_progress("generate", len(cells), len(cells))
    failed = tuple(sorted(cell.digest for cell in cells if cell.state == "failed"))
    blocked = {cell.digest: worker.blocked[cell.digest] for cell in cells if _blocked(cell, worker)}
    return completed_or_failed(CellOutcomes(tuple(sorted(worker.made)), failed, blocked), _reason(cells, blocked))


def _wait(worker: Worker, run_id: str, trainings: RunTrainings) -> None:
    wait_for_others(worker.resources, run_id, but=worker.blocked, unable=trainings.unable)


def _with_next(items: Iterable[T]) -> Iterator[tuple[T, T | None]]:
    """Yield each item with the one after it, None after the last."""
    return pairwise(chain(items, (None,)))  # type: ignore[arg-type]


def _others_at(worker: Worker, run_id: str) -> Sequence[str]:
    return _read(worker, lambda s: views.subjects_in_work(s, run_id, but_by=worker.owner))


def _generated_by_all(worker: Worker, run_id: str) -> int:
    return _read(worker, lambda s: views.poll_run(s, run_id, most=0).generated)


def _read(worker: Worker, query: Callable[[Session], T]) -> T:
    """Ask the catalog, as often as it takes."""

    def read() -> T:
        with worker.catalog.read() as s:
            return query(s)

    return worker.patience.retry(read)


def _missing(cells: Sequence[CellView], worker: Worker) -> list[CellView]:
    """Return the cells to generate: not generated, not failed too often, not blocked on this worker."""
    return [
        cell
        for cell in cells
        if cell.state != "generated"
        and not (cell.state == "failed" and cell.failures >= MAX_FAILURES)
        and not _blocked(cell, worker)
    ]


def _blocked(cell: CellView, worker: Worker) -> bool:
    """Return whether the cell is blocked on this worker, and no other has generated it or is generating it."""
    return cell.digest in worker.blocked and cell.state in ("planned", "lost")


def _generated(cells: Sequence[CellView]) -> int:
    return sum(cell.state == "generated" for cell in cells)


def _reason(cells: Sequence[CellView], blocked: Mapping[str, str]) -> str | None:
    """Return why cells are missing: the counts, and the first few distinct reasons; None if none is."""
    why = dict.fromkeys(cell.error or "failed" for cell in cells if cell.state == "failed") | dict.fromkeys(
        blocked.values()
    )
    missing = len(cells) - _generated(cells)
    return summarise_reasons(f"{missing} of {len(cells)} images were not generated", list(why)) if missing else None


def _fine_tune(digest: str, subject: str, run_id: str) -> bool:
    """Fine-tune as a task, unless another process is at it; return whether this one did."""
    from flows.finetune import finetune_subject

    state = finetune_subject(digest, subject, run_id, wait=False, return_state=True)
    return bool(state.result())


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


if __name__ == "__main__":  # a further worker of a run on this machine
    with suppress(RunStoppedError):  # the parent stops by itself
        work_for_parent(lambda: result_of(lambda: generate(sys.argv[1])))
