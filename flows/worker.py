"""One process at work on cells: claims them, draws them, and keeps what is drawn while it draws on.

All that is not drawing runs beside it: the next cells are claimed and read while these are drawn, and pictures are
encoded, stored and recorded by threads that mostly wait for disk or bucket.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from types import TracebackType
from typing import Self

from PIL import Image

from flows.draw import Group, draw, recipe_of_row, same_reference
from flows.picture import PNG, png_bytes
from flows.plan import canonical
from flows.progress import tell_part
from flows.resources import catalog_of, store_of
from flows.settings import Settings
from storage.catalog import views, writes
from storage.catalog.heartbeat import Heartbeat
from storage.catalog.owners import this_owner
from storage.catalog.records import CellDetail, CellPicture
from storage.catalog.retry import retrying
from storage.keeping import keeping
from storage.objects import StoreError, Uploader
from storage.thumbnails import SIDE, keep_thumbnails

_log = logging.getLogger(__name__)
Drawn = tuple[CellDetail, Image.Image]

TOGETHER, TOGETHER_BYTES = 64, 16 * 1024 * 1024
"""Pictures kept in one transaction at most, and their raw bytes: one wait for the disk, and for the other writers,
serves them all."""


@dataclass(frozen=True)
class Made:
    """What became of claimed cells, by digest. A cell that another run held is in neither."""

    made: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def claimed(self) -> int:
        """How many cells this process could work on."""
        return len(self.made) + len(self.failed)


class Worker:
    """A context. `made` and `failed` are digests of what is kept and of what could not be drawn, so far.

    At its end all that was drawn is kept, also when the block raises, and what is not goes back to planned.
    """

    def __init__(self, settings: Settings, run_id: str | None) -> None:
        self.settings, self.run_id = settings, run_id
        self.catalog, self.store = catalog_of(settings), store_of(settings)
        self.owner = this_owner()
        self.beat = Heartbeat(self.catalog, self.owner, lease_seconds=settings.lease_seconds)
        self.uploads = Uploader(self._keep, threads=self.store.writers)
        self.made: list[str] = []
        self.failed: list[str] = []
        self._waiting: list[Drawn] = []
        self._drawn: list[str] = []
        self._claimer = ThreadPoolExecutor(1, thread_name_prefix="claim")
        self._claimed: dict[tuple[str, ...], Future[list[Group]]] = {}

    def ahead(self, digests: Sequence[str]) -> None:
        """Claim these beside the drawing of others: `make` finds them ready, and raises what went wrong."""
        self._claimed[tuple(digests)] = self._claimer.submit(self._claim, digests)

    def make(self, digests: Sequence[str]) -> Made:
        """Claim and draw; what is drawn is kept soon after. An error of keeping is raised here, or by `flush`."""
        ready = self._claimed.pop(tuple(digests), None)
        groups = self._claim(digests) if ready is None else ready.result()
        failed, self._drawn = len(self.failed), []
        draw(groups, self.settings, drawn=self._take, failed=self._fail, on_progress=self._progress)
        self._send()
        return Made(tuple(self._drawn), tuple(self.failed[failed:]))

    def _claim(self, digests: Sequence[str]) -> list[Group]:
        """Those of the cells that nobody else holds, as rows that may be drawn together."""
        claimed = self.beat.claim(digests)
        with self.catalog.read() as s:
            return same_reference(views.cells(s, claimed))

    def flush(self) -> None:
        """Return when all that was drawn is kept. Raises what went wrong with it."""
        self.uploads.flush()

    def _take(self, cell: CellDetail, image: Image.Image) -> None:
        self._drawn.append(cell.digest)
        self._waiting.append((cell, image))
        if len(self._waiting) == TOGETHER or _raw_bytes(self._waiting) >= TOGETHER_BYTES:
            self._send()

    def _send(self) -> None:
        if self._waiting:
            pictures, self._waiting = self._waiting, []
            self.uploads.put(pictures, _raw_bytes(pictures))

    def _keep(self, pictures: list[Drawn]) -> None:
        """In a thread of the uploads: the pictures into the store, their rows into the catalog."""
        pngs = [(png_bytes(image, canonical(recipe_of_row(cell))), PNG) for cell, image in pictures]

        def keep() -> list[str]:
            with keeping(self.catalog, self.store, *pngs) as (s, addresses):
                finished = [
                    CellPicture(cell.digest, sha256, image.width, image.height)
                    for (cell, image), sha256 in zip(pictures, addresses, strict=True)
                ]
                return writes.finish_cells(s, finished, owner=self.owner, run_id=self.run_id)

        kept = retrying(keep)
        self.made += kept
        for cell, _ in pictures:
            self.beat.let_go(cell.digest)
        if len(kept) < len(pictures):
            _log.warning("%d pictures were drawn in vain: another worker held their cells", len(pictures) - len(kept))
        self._keep_thumbnails([data for (data, _), (_, image) in zip(pngs, pictures, strict=True) if _is_large(image)])

    def _keep_thumbnails(self, pngs: Sequence[bytes]) -> None:
        """The pictures are made and recorded by now: a thumbnail that is missing is made by whoever shows it."""
        try:
            keep_thumbnails(self.store, {sha256(data).hexdigest(): data for data in pngs})
        except StoreError as error:
            _log.warning("no thumbnails: %s", error)

    def _fail(self, cell: CellDetail, error: str) -> None:
        _log.warning("cell %s failed: %s", cell.digest, error)
        self.catalog.transact(lambda s: writes.fail_cell(s, cell.digest, owner=self.owner, error=error))
        self.beat.let_go(cell.digest)
        self.failed.append(cell.digest)

    def _progress(self, done: float) -> None:
        tell_part("generate", done)

    def __enter__(self) -> Self:
        self.beat.__enter__()
        self.uploads.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                self._send()  # it was drawn and is worth keeping
            except Exception as second:
                if error is None:
                    raise
                _log.warning("what was drawn last could not be kept: %s", second)
            self.uploads.__exit__(kind, error, trace)
        finally:
            self._claimer.shutdown(cancel_futures=True)  # what it claimed is held now, and given back
            if held := self.beat.held:
                self.catalog.transact(lambda s: writes.release_cells(s, held, owner=self.owner))
            self.beat.__exit__(kind, error, trace)


def _is_large(image: Image.Image) -> bool:
    """Whether a thumbnail is worth making now: of a small picture it is no smaller, and quickly made when shown."""
    return max(image.size) > SIDE


def _raw_bytes(pictures: Sequence[Drawn]) -> int:
    return sum(3 * image.width * image.height for _, image in pictures)
