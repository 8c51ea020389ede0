"""Generate: the cells of a run that are still missing, in chunks of one subject. No cell is made twice."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.execution.generation_worker import Worker
from flows.execution.wait_for_others import wait_for_others
from flows.outcome import CellOutcomes, completed_or_failed, summarise_reasons
from flows.progress import report_progress
from flows.resources import Resources
from flows.spec.parameters import RunId
from flows.spec.problems import InputError, Problem
from storage.catalog import views
from storage.catalog.records import MAX_FAILURES, CellView
from storage.lost import read_picture
from storage.objects import DigestMismatchError, ObjectMissingError

_log = logging.getLogger(__name__)


# NO_CACHE: Prefect would hash the worker, which no other run can share
@task(name="generate-cells", task_run_name="{subject}: {place}", cache_policy=NO_CACHE)
def generate_cells(worker: Worker, digests: Sequence[str], subject: str, place: str) -> CellOutcomes:
    """Claim the cells and generate those that were free, in the calling thread: an interrupt stops at the next step.

    Their pictures may still be on their way into store and catalog when this returns: what goes wrong with them is
    raised by the next call, or by the flow. On an interrupt, or an error of catalog or store, what is unfinished goes
    back to planned.

    Args:
        worker: The flow's, in this process.
        digests: Cells of one subject.
        subject: Its name.
        place: Which of its cells these are, such as "33-48".
    """
    return worker.make(digests)


@flow(name="generate", flow_run_name="generate")
def generate(run_id: RunId, check: bool = False) -> CellOutcomes:
    """Make what the run lacks. Cells that another run is making are waited for, and taken over if it dies.

    A cell that fails is tried again after the others, MAX_FAILURES times in all. A frame that looks at others is made
    alone, once what stands before it in the grid is kept. While catalog, store or disk are away, the flow waits. It is
    Failed where a cell is not there in the end.

    Args:
        run_id: A run in the catalog, by its whole id: the tag run:... of its flow run.
        check: Read every picture of the run first; those that the store lost are made again.
    """
    resources = Resources.open()
    patience = resources.patience()
    if check:
        patience.retry(lambda: _notice_lost(resources, run_id))
    cells = patience.retry(lambda: _cells(resources, run_id))
    if not cells:
        raise InputError(
            "generate", [Problem(path=("run_id",), message=f"the catalog has no cells of a run {run_id!r}")]
        )
    with Worker(resources, run_id) as worker:
        while missing := _missing(cells, worker):
            claimed, there = 0, _generated(cells)
            chunks = list(_chunks(missing, resources.settings.chunk_cells))
            for (chunk, place), (following, _) in zip_longest(chunks, chunks[1:], fillvalue=((), "")):
                if following and not following[0].uses_earlier_frames:  # else it waits until those are stored
                    worker.ahead([cell.digest for cell in following])
                report_progress("generate", len(cells) - len(missing) + claimed, len(cells))
                if chunk[0].uses_earlier_frames:
                    worker.flush()
                result = generate_cells(worker, [cell.digest for cell in chunk], chunk[0].subject_name, place)
                claimed += result.claimed
            worker.flush()
            if not claimed:
                patience.retry(lambda: wait_for_others(resources, run_id, but=worker.blocked))
            cells = patience.retry(lambda: _cells(resources, run_id))
            if _generated(cells) > there:
                worker.retry_frames()
    report_progress("generate", len(cells), len(cells))
    failed = tuple(sorted(cell.digest for cell in cells if cell.state == "failed"))
    blocked = {cell.digest: worker.blocked[cell.digest] for cell in cells if _left(cell, worker)}
    return completed_or_failed(CellOutcomes(tuple(sorted(worker.made)), failed, blocked), _reason(cells, blocked))


def _missing(cells: Sequence[CellView], worker: Worker) -> list[CellView]:
    """Those to be made still: not there, not given up after failures, and possible for this worker."""
    return [
        cell
        for cell in cells
        if cell.state != "generated"
        and not (cell.state == "failed" and cell.failures >= MAX_FAILURES)
        and not _left(cell, worker)
    ]


def _left(cell: CellView, worker: Worker) -> bool:
    """Whether this worker cannot make the cell, and nobody else has made it or makes it now."""
    return cell.digest in worker.blocked and cell.state in ("planned", "lost")


def _generated(cells: Sequence[CellView]) -> int:
    return sum(cell.state == "generated" for cell in cells)


def _reason(cells: Sequence[CellView], blocked: Mapping[str, str]) -> str | None:
    """Why some are not there in the end, if any: the counts, and the first few different reasons."""
    why = dict.fromkeys(cell.error or "failed" for cell in cells if cell.state == "failed") | dict.fromkeys(
        blocked.values()
    )
    missing = len(cells) - _generated(cells)
    return summarise_reasons(f"{missing} of {len(cells)} images were not made", list(why)) if missing else None


def _notice_lost(resources: Resources, run_id: str) -> None:
    """Read the run's pictures: where one is gone from the store, or damaged there, its cells are marked as lost."""
    catalog, store, cells = resources.catalog, resources.store, _cells(resources, run_id)
    for i, cell in enumerate(cells):
        if cell.state == "generated" and cell.image_sha256 is not None:
            report_progress("generate", i, len(cells), "checking what is there")
            try:
                read_picture(catalog, store, cell.image_sha256)
            except (ObjectMissingError, DigestMismatchError) as error:
                _log.warning("cell %s is lost: %s", cell.digest, error)


def _cells(resources: Resources, run_id: str) -> list[CellView]:
    with resources.catalog.read() as s:
        return views.cells_of_run(s, run_id, scores=False)


def _chunks(cells: Sequence[CellView], size: int) -> Iterator[tuple[Sequence[CellView], str]]:
    """Chunks of one subject in the order of the grid, each with its place ("33-48") for the name of the task."""
    for (_, alone), group in groupby(cells, key=lambda cell: (cell.subject_name, cell.uses_earlier_frames)):
        ours, most = list(group), 1 if alone else size
        for first in range(0, len(ours), most):
            chunk = ours[first : first + most]
            yield chunk, f"{first + 1}-{first + len(chunk)}"
