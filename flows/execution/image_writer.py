"""Drawn pictures on their way into store and catalog, beside the drawing of others; none is dropped for an outage."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import TracebackType
from typing import Self

from PIL import Image

from flows.image_io import PNG, png_bytes
from flows.patience import Patience
from storage.catalog import Catalog, writes
from storage.catalog.database.transaction_retry import retrying
from storage.catalog.records import CellPicture
from storage.ingest import storing
from storage.objects import ObjectStore, StoreError, Uploader
from storage.thumbnails import SIDE, store_thumbnails

_log = logging.getLogger(__name__)

TOGETHER, TOGETHER_BYTES = 64, 16 * 1024 * 1024
"""Pictures kept in one transaction at most, and their raw bytes: one wait for the disk, and for the other writers,
serves them all."""


@dataclass(frozen=True)
class GeneratedImage:
    """The picture of a cell, and the recipe that its PNG carries."""

    digest: str
    image: Image.Image
    recipe: str

    @property
    def raw_bytes(self) -> int:
        """What it takes in memory."""
        return 3 * self.image.width * self.image.height


class ImageWriter:
    """A context: `put` hands over a picture, and `kept` is called, from threads, once it is recorded or in vain.

    `made`: digests of what is recorded; `unstored`: what was put and is not yet. While store or catalog are away the
    pictures are held; what goes wrong for good is raised by `put`, `flush` and at the end.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: ObjectStore,
        patience: Patience,
        *,
        owner: str,
        run_id: str | None,
        on_stored: Callable[[str], None],
    ) -> None:
        self._catalog, self._store, self._patience = catalog, store, patience
        self._owner, self._run_id, self._on_stored = owner, run_id, on_stored
        self._uploads = Uploader(self._store_batch, threads=store.writers)
        self._waiting: list[GeneratedImage] = []
        self.made: list[str] = []
        self.unstored: set[str] = set()

    def put(self, drawn: GeneratedImage) -> None:
        """Keep the picture soon, with others."""
        self.unstored.add(drawn.digest)
        self._waiting.append(drawn)
        if len(self._waiting) == TOGETHER or _raw_bytes(self._waiting) >= TOGETHER_BYTES:
            self.send()

    def send(self) -> None:
        """Wait for no others to keep those with."""
        if self._waiting:
            pictures, self._waiting = self._waiting, []
            self._uploads.put(pictures, _raw_bytes(pictures))

    def flush(self) -> None:
        """Return when all that was sent is kept. Raises what went wrong with it."""
        self._uploads.flush()

    def _store_batch(self, pictures: list[GeneratedImage]) -> None:
        """In a thread of the uploads: the pictures into the store, their rows into the catalog."""
        pngs = [(png_bytes(one.image, one.recipe), PNG) for one in pictures]

        def store_rows() -> list[str]:
            with storing(self._catalog, self._store, *pngs) as (s, addresses):
                finished = [
                    CellPicture(one.digest, sha256, one.image.width, one.image.height)
                    for one, sha256 in zip(pictures, addresses, strict=True)
                ]
                return writes.finish_cells(s, finished, owner=self._owner, run_id=self._run_id)

        stored = self._patience.retry(lambda: retrying(store_rows))
        self.made += stored
        for one in pictures:
            self.unstored.discard(one.digest)
            self._on_stored(one.digest)
        if len(stored) < len(pictures):
            _log.warning("%d pictures were drawn in vain: another worker held their cells", len(pictures) - len(stored))
        self._store_thumbnails([data for (data, _), one in zip(pngs, pictures, strict=True) if _is_large(one.image)])

    def _store_thumbnails(self, pngs: Sequence[bytes]) -> None:
        """The pictures are made and recorded by now: a thumbnail that is missing is made by whoever shows it."""
        try:
            store_thumbnails(self._store, {sha256(data).hexdigest(): data for data in pngs})
        except StoreError as error:
            _log.warning("no thumbnails: %s", error)

    def __enter__(self) -> Self:
        self._uploads.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What was put is kept, also when the block raises: it was drawn, and is worth it. Then nothing is waited
        for."""
        if error is not None:
            self._patience.stop.set()
        try:
            self.send()
        except Exception as second:
            if error is None:
                raise
            _log.warning("what was drawn last could not be kept: %s", second)
        finally:
            try:
                self._uploads.__exit__(kind, error, trace)
            finally:
                self.unstored.clear()  # what is not recorded by now was not kept


def _is_large(image: Image.Image) -> bool:
    """Whether a thumbnail is worth making now: of a small picture it is no smaller, and quickly made when shown."""
    return max(image.size) > SIDE


def _raw_bytes(pictures: Sequence[GeneratedImage]) -> int:
    return sum(one.raw_bytes for one in pictures)
