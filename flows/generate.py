"""Generate: the cells of a run that are still missing, in chunks of one subject. No cell is made twice."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import replace
from itertools import groupby, zip_longest

from prefect import flow, task

from flows.execution.generation_worker import Worker
from flows.execution.wait_for_others import wait_for_others
from flows.outcome import Made, ending, summed_up
from flows.patience import Patience
from flows.progress import tell
from flows.resources import catalog_of, store_of
from flows.settings import Settings
from flows.spec.parameters import RunId
from flows.spec.problems import InputError, Problem
from storage.catalog import views
from storage.catalog.records import MAX_FAILURES, CellView
from storage.lost import read_picture
from storage.objects import DigestMismatch, ObjectMissing

_log = logging.getLogger(__name__)

_drawn_by_flow: ContextVar[Future[Made] | None] = ContextVar("drawn_by_flow", default=None)
"""What a task inside the flow waits for. The flow's own thread draws: there an interrupt stops at the next step."""


@task(name="generate-cells", task_run_name="{subject}: {place}")
def generate_cells(digests: Sequence[str], subject: str, place: str, run_id: str | None = None) -> Made:
    """Claim the cells, draw those that were free, keep each picture soon after it is there, as made for the run.

    On an interrupt, or an error of catalog or store, what is unfinished goes back to planned. Inside the flow
    `generate` it is the flow that draws, and this says so to Prefect, beside the drawing of the next. The last pictures
    may then still be on their way into store and catalog when this returns: what goes wrong with them is raised by the
    flow.
    """
    if (drawn := _drawn_by_flow.get()) is not None:
        return drawn.result()
    with Worker(Settings.load(), run_id) as worker:
        result = worker.make(digests)
    made = set(worker.made)  # uploads end in any order
    return replace(result, made=tuple(digest for digest in digests if digest in made))


@contextmanager
def _drawing(beside: Executor, cells: Sequence[CellView], place: str, run_id: str) -> Iterator[Future[Made]]:
    """A task of Prefect's that stands for the block: the block sets its result, and fails it by what it raises.

    Prefect hears of it `beside` the block, which does not wait for its server; what goes wrong there is raised when the
    block ends.
    """
    drawn: Future[Made] = Future()
    token = _drawn_by_flow.set(drawn)
    try:
        digests, context = [cell.digest for cell in cells], copy_context()
        told = beside.submit(context.run, generate_cells.submit, digests, cells[0].subject_name, place, run_id)
    finally:
        _drawn_by_flow.reset(token)
    try:
        yield drawn
        told.result()
    except BaseException as error:  # also an interrupt: the task would wait for ever
        if not drawn.done():
            drawn.set_exception(error)
        raise


@flow(name="generate", flow_run_name="generate")
def generate(run_id: RunId, check: bool = False) -> Made:
    """Make what the run lacks. Cells that another run is making are waited for, and taken over if it dies.

    A cell that fails is tried again after the others, MAX_FAILURES times in all. A frame that looks at others is made
    alone, once what stands before it in the grid is kept. While catalog, store or disk are away, the flow waits. It is
    Failed where a cell is not there in the end.

    Args:
        run_id: A run in the catalog, by its whole id: the tag run:... of its flow run.
        check: Read every picture of the run first; those that the store lost are made again.
    """
    settings = Settings.load()
    patience = Patience.of(settings)
    if check:
        patience.bear(lambda: _notice_lost(settings, run_id))
    cells = patience.bear(lambda: _cells(settings, run_id))
    if not cells:
        raise InputError(
            "generate", [Problem(path=("run_id",), message=f"the catalog has no cells of a run {run_id!r}")]
        )
    with ThreadPoolExecutor(1, thread_name_prefix="prefect") as beside, Worker(settings, run_id) as worker:
        while missing := _missing(cells, worker):
            claimed, there = 0, _generated(cells)
            chunks = list(_chunks(missing, settings.chunk_cells))
            for (chunk, place), (following, _) in zip_longest(chunks, chunks[1:], fillvalue=((), "")):
                if following and not following[0].looks_back:  # such a one waits until what it looks at is kept
                    worker.ahead([cell.digest for cell in following])
                tell("generate", len(cells) - len(missing) + claimed, len(cells))
                if chunk[0].looks_back:
                    worker.flush()
                with _drawing(beside, chunk, place, run_id) as drawn:
                    result = worker.make([cell.digest for cell in chunk])
                    drawn.set_result(result)
                claimed += result.claimed
            worker.flush()
            if not claimed:
                patience.bear(lambda: wait_for_others(settings, run_id, but=worker.not_here))
            cells = patience.bear(lambda: _cells(settings, run_id))
            if _generated(cells) > there:
                worker.retry_frames()
    tell("generate", len(cells), len(cells))
    failed = tuple(sorted(cell.digest for cell in cells if cell.state == "failed"))
    not_here = {cell.digest: worker.not_here[cell.digest] for cell in cells if _left(cell, worker)}
    return ending(Made(tuple(sorted(worker.made)), failed, not_here), _reason(cells, not_here))


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
    return cell.digest in worker.not_here and cell.state in ("planned", "lost")


def _generated(cells: Sequence[CellView]) -> int:
    return sum(cell.state == "generated" for cell in cells)


def _reason(cells: Sequence[CellView], not_here: Mapping[str, str]) -> str | None:
    """Why some are not there in the end, if any: the counts, and the first few different reasons."""
    why = dict.fromkeys(cell.error or "failed" for cell in cells if cell.state == "failed") | dict.fromkeys(
        not_here.values()
    )
    missing = len(cells) - _generated(cells)
    return summed_up(f"{missing} of {len(cells)} images were not made", list(why)) if missing else None


def _notice_lost(settings: Settings, run_id: str) -> None:
    """Read the run's pictures: where one is gone from the store, or damaged there, its cells are marked as lost."""
    catalog, store, cells = catalog_of(settings), store_of(settings), _cells(settings, run_id)
    for i, cell in enumerate(cells):
        if cell.state == "generated" and cell.image_sha256 is not None:
            tell("generate", i, len(cells), "checking what is there")
            try:
                read_picture(catalog, store, cell.image_sha256)
            except (ObjectMissing, DigestMismatch) as error:
                _log.warning("cell %s is lost: %s", cell.digest, error)


def _cells(settings: Settings, run_id: str) -> list[CellView]:
    with catalog_of(settings).read() as s:
        return views.cells_of_run(s, run_id, scores=False)


def _chunks(cells: Sequence[CellView], size: int) -> Iterator[tuple[Sequence[CellView], str]]:
    """Chunks of one subject in the order of the grid, each with its place ("33-48") for the name of the task."""
    for (_, alone), group in groupby(cells, key=lambda cell: (cell.subject_name, cell.looks_back)):
        ours, most = list(group), 1 if alone else size
        for first in range(0, len(ours), most):
            chunk = ours[first : first + most]
            yield chunk, f"{first + 1}-{first + len(chunk)}"
