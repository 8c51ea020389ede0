"""One process at work on cells: claims them, draws them, and keeps what is drawn while it draws on."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import TracebackType
from typing import Self

from PIL import Image

from flows.draw import draw, recipe_of_row
from flows.picture import PNG, png_bytes
from flows.plan import canonical
from flows.progress import tell_part
from flows.resources import catalog_of, store_of
from flows.settings import Settings
from storage.catalog import views, writes
from storage.catalog.heartbeat import Heartbeat
from storage.catalog.owners import this_owner
from storage.catalog.records import CellDetail, LeaseLost
from storage.catalog.retry import retrying
from storage.keeping import keeping
from storage.objects import StoreError, Uploader
from storage.thumbnails import keep_thumbnail

_log = logging.getLogger(__name__)
Drawn = tuple[CellDetail, Image.Image]

TOGETHER = 16
"""Pictures kept in one transaction at most: one wait for the disk, and for the other writers, serves them all."""


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
        self.uploads = Uploader(self._keep)
        self.made: list[str] = []
        self.failed: list[str] = []
        self._waiting: list[Drawn] = []
        self._drawn: list[str] = []

    def make(self, digests: Sequence[str]) -> Made:
        """Claim and draw; what is drawn is kept soon after. An error of keeping is raised here, or by `flush`."""
        lease = self.settings.lease_seconds
        claimed = self.catalog.transact(lambda s: writes.claim_cells(s, digests, self.owner, lease))
        self.beat.hold(claimed)
        with self.catalog.read() as s:
            cells = views.cells(s, claimed)
        failed, self._drawn = len(self.failed), []
        draw(cells, self.settings, drawn=self._take, failed=self._fail, on_progress=self._progress)
        self._send()
        return Made(tuple(self._drawn), tuple(self.failed[failed:]))

    def flush(self) -> None:
        """Return when all that was drawn is kept. Raises what went wrong with it."""
        self.uploads.flush()

    def _take(self, cell: CellDetail, image: Image.Image) -> None:
        self._drawn.append(cell.digest)
        self._waiting.append((cell, image))
        if len(self._waiting) == TOGETHER:
            self._send()

    def _send(self) -> None:
        if self._waiting:
            pictures, self._waiting = self._waiting, []
            self.uploads.put(pictures, sum(3 * image.width * image.height for _, image in pictures))

    def _keep(self, pictures: list[Drawn]) -> None:
        """In a thread of the uploads: the pictures into the store, their rows into the catalog."""
        pngs = [(png_bytes(image, canonical(recipe_of_row(cell))), PNG) for cell, image in pictures]

        def keep() -> list[str]:
            kept = []
            with keeping(self.catalog, self.store, *pngs) as (s, addresses):
                for (cell, image), sha256 in sorted(
                    zip(pictures, addresses, strict=True), key=lambda one: one[0][0].digest
                ):  # in one order for all who change cells, so that none wait for each other crosswise
                    size = {"width": image.width, "height": image.height}
                    try:
                        writes.finish_cell(
                            s, cell.digest, owner=self.owner, image_sha256=sha256, run_id=self.run_id, **size
                        )
                    except LeaseLost as error:
                        _log.warning("%s", error)
                    else:
                        kept.append(cell.digest)
            return kept

        self.made += retrying(keep)
        for cell, _ in pictures:
            self.beat.let_go(cell.digest)
        for data, _ in pngs:
            self._keep_thumbnail(data)

    def _keep_thumbnail(self, data: bytes) -> None:
        """The picture is made and recorded by now: a thumbnail that is missing is made by whoever shows it."""
        try:
            keep_thumbnail(self.store, sha256(data).hexdigest(), data)
        except StoreError as error:
            _log.warning("no thumbnail: %s", error)

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
            if held := self.beat.held:
                self.catalog.transact(lambda s: writes.release_cells(s, held, owner=self.owner))
            self.beat.__exit__(kind, error, trace)
