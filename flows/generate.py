"""Generate: the cells of a run that are still missing, in chunks of one subject. No cell is made twice."""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby

from PIL import Image
from prefect import flow, task

from flows.draw import draw, recipe_of_row
from flows.parameters import RunId
from flows.picture import PNG, png_bytes
from flows.plan import canonical
from flows.problems import InputError, Problem
from flows.progress import tell, tell_part
from flows.resources import catalog_of, store_of
from flows.settings import Settings
from storage.catalog import views, writes
from storage.catalog.heartbeat import Heartbeat
from storage.catalog.owners import this_owner
from storage.catalog.records import MAX_FAILURES, CellDetail, CellView, LeaseLost
from storage.catalog.retry import retrying
from storage.keeping import keeping
from storage.objects import DigestMismatch, ObjectMissing, StoreError, Uploader, get_blob
from storage.thumbnails import keep_thumbnail

_log = logging.getLogger(__name__)
Picture = tuple[str, bytes, tuple[int, int]]
"""Digest of the cell, PNG, width and height."""

POLL_SECONDS, RECLAIM_SECONDS = 1.0, 15.0
"""While another run makes the rest: how often to look, and how often to see whether that run is gone."""


@dataclass(frozen=True)
class Made:
    """What became of claimed cells, by digest. A cell that another run held is in neither."""

    made: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def claimed(self) -> int:
        """How many cells this process could work on."""
        return len(self.made) + len(self.failed)


@task(name="generate-cells", task_run_name="{subject}: {place}")
def generate_cells(digests: Sequence[str], subject: str, place: str, run_id: str | None = None) -> Made:
    """Claim the cells, draw those that were free, keep each picture as soon as it is there, as made for the run.

    On an interrupt, or an error of catalog or store, what is unfinished goes back to planned.
    """
    return _Chunk(Settings.load(), run_id).make(list(digests))


class _Chunk:
    """One claim: who holds what until when, and what came of it."""

    def __init__(self, settings: Settings, run_id: str | None) -> None:
        self.settings = settings
        self.catalog, self.store = catalog_of(settings), store_of(settings)
        self.owner = this_owner()
        self.run_id = run_id
        self.beat = Heartbeat(self.catalog, self.owner, lease_seconds=settings.lease_seconds)
        self.uploads = Uploader(self._keep)
        self.made: list[str] = []
        self.failed: list[str] = []

    def make(self, digests: list[str]) -> Made:
        with self.beat:
            try:
                lease = self.settings.lease_seconds
                claimed = self.catalog.transact(lambda s: writes.claim_cells(s, digests, self.owner, lease))
                self.beat.hold(claimed)
                with self.catalog.read() as s:
                    cells = [views.cell(s, digest) for digest in claimed]
                with self.uploads:
                    draw(cells, self.settings, drawn=self._drawn, failed=self._failed, on_progress=self._progress)
            finally:
                if held := self.beat.held:
                    self.catalog.transact(lambda s: writes.release_cells(s, held, owner=self.owner))
        made = set(self.made)  # uploads end in any order
        return Made(tuple(digest for digest in digests if digest in made), tuple(self.failed))

    def _drawn(self, cell: CellDetail, image: Image.Image) -> None:
        data = png_bytes(image, canonical(recipe_of_row(cell)))
        self.uploads.put((cell.digest, data, image.size), len(data))

    def _keep(self, picture: Picture) -> None:
        """In a thread of the uploads: the picture into the store, its rows into the catalog."""
        digest, data, (width, height) = picture

        def keep() -> None:
            with keeping(self.catalog, self.store, (data, PNG)) as (s, [image_sha256]):
                size = {"width": width, "height": height}
                writes.finish_cell(s, digest, owner=self.owner, image_sha256=image_sha256, run_id=self.run_id, **size)

        try:
            retrying(keep)
        except LeaseLost as error:
            _log.warning("%s", error)
        else:
            self.made.append(digest)
            self._keep_thumbnail(data)
        self.beat.let_go(digest)

    def _keep_thumbnail(self, data: bytes) -> None:
        """The picture is made and recorded by now: a thumbnail that is missing is made by whoever shows it."""
        try:
            keep_thumbnail(self.store, sha256(data).hexdigest(), data)
        except StoreError as error:
            _log.warning("no thumbnail: %s", error)

    def _failed(self, cell: CellDetail, error: str) -> None:
        _log.warning("cell %s failed: %s", cell.digest, error)
        self.catalog.transact(lambda s: writes.fail_cell(s, cell.digest, owner=self.owner, error=error))
        self.beat.let_go(cell.digest)
        self.failed.append(cell.digest)

    def _progress(self, done: float) -> None:
        tell_part("generate", done)


@flow(name="generate", flow_run_name="generate")
def generate(run_id: RunId, one_by_one: list[str] | None = None) -> Made:
    """Make what the run lacks. Cells that another run is making are waited for, and taken over if it dies.

    A cell that fails is tried again after the others, MAX_FAILURES times in all.

    Args:
        run_id: A run in the catalog, by its whole id: the tag run:... of its flow run.
        one_by_one: Digests of cells that are made alone and kept before the next begins: it may look at them.
    """
    settings = Settings.load()
    made: set[str] = set()
    failed: set[str] = set()
    _notice_lost(settings, run_id)
    cells = _cells(settings, run_id)
    if not cells:
        raise InputError(
            "generate", [Problem(path=("run_id",), message=f"the catalog has no cells of a run {run_id!r}")]
        )
    while missing := [cell for cell in cells if cell.state != "generated" and not _given_up(cell)]:
        claimed = 0
        for chunk, place in _chunks(missing, settings.chunk_cells, frozenset(one_by_one or ())):
            tell("generate", len(cells) - len(missing) + claimed, len(cells))
            result = generate_cells([cell.digest for cell in chunk], chunk[0].subject_name, place, run_id)
            made.update(result.made)
            failed = (failed - set(result.made)) | set(result.failed)
            claimed += result.claimed
        cells = _cells(settings, run_id) if claimed else _wait(settings, run_id)
    tell("generate", len(cells), len(cells))
    return Made(tuple(sorted(made)), tuple(sorted(failed)))


def _given_up(cell: CellView) -> bool:
    return cell.state == "failed" and cell.failures >= MAX_FAILURES


def _notice_lost(settings: Settings, run_id: str) -> None:
    """Pictures that are gone from the store, or damaged there, are made again."""
    store, lost = store_of(settings), []
    for cell in _cells(settings, run_id):
        if cell.state == "generated" and cell.image_sha256 is not None:
            try:
                get_blob(store, cell.image_sha256)
            except (ObjectMissing, DigestMismatch) as error:
                _log.warning("cell %s is lost: %s", cell.digest, error)
                lost.append(cell.digest)
    if lost:
        with catalog_of(settings).write() as s:
            writes.lose_cells(s, lost)


def _cells(settings: Settings, run_id: str) -> list[CellView]:
    with catalog_of(settings).read() as s:
        return views.cells_of_run(s, run_id)


def _chunks(
    cells: Sequence[CellView], size: int, one_by_one: Collection[str]
) -> Iterator[tuple[Sequence[CellView], str]]:
    """Chunks of one subject in the order of the grid, each with its place ("33-48") for the name of the task."""
    for (_, alone), group in groupby(cells, key=lambda cell: (cell.subject_name, cell.digest in one_by_one)):
        ours, most = list(group), 1 if alone else size
        for first in range(0, len(ours), most):
            chunk = ours[first : first + most]
            yield chunk, f"{first + 1}-{first + len(chunk)}"


def _wait(settings: Settings, run_id: str) -> list[CellView]:
    """The run's cells once something may be claimable or done: another run holds all that is missing now."""
    before = [cell.state for cell in _cells(settings, run_id)]
    until = time.monotonic() + RECLAIM_SECONDS
    while True:
        time.sleep(POLL_SECONDS)
        cells = _cells(settings, run_id)
        done = sum(cell.state == "generated" for cell in cells)
        tell("generate", done, len(cells), "another run is making the rest")
        free = any(cell.state in ("planned", "failed", "lost") and not _given_up(cell) for cell in cells)
        missing = any(cell.state == "generating" for cell in cells)
        if not missing or (free and [cell.state for cell in cells] != before) or time.monotonic() > until:
            return cells
