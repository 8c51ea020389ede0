"""Stores generated images and records them in the background; an outage loses none."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

from PIL import Image

from dreamtuner.curation.perceptual_hash import structure
from flows.execution.culling.fingerprints import fingerprint
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
"""The most images stored in one transaction, and their raw bytes: one wait for disk and other writers serves all."""


@dataclass(frozen=True)
class GeneratedImage:
    """The image of a cell, its PNG's recipe, the run that it is for, its device-seconds, and what it was made with."""

    digest: str
    image: Image.Image
    recipe: str
    run_id: str | None
    device_seconds: float | None = None
    made_with: Mapping[str, Any] = field(default_factory=dict)

    @property
    def raw_bytes(self) -> int:
        """Return its size in memory, in bytes."""
        return 3 * self.image.width * self.image.height


class ImageWriter:
    """Stores images in the background; a context manager. Calls `on_stored` from threads, also for discarded images.

    `made`: digests recorded, by run; `unstored`: digests not recorded yet; `discarded`: how many images came too
    late, for cells that others had leased. `device`: the class of the device that the images come from. While store or
    catalog are unavailable, images stay queued; permanent errors are raised by `put`, `flush` and on exit.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: ObjectStore,
        patience: Patience,
        *,
        owner: str,
        on_stored: Callable[[str], None],
        device: str | None = None,
    ) -> None:
        self._device, self.discarded = device, 0
        self._catalog, self._store, self._patience = catalog, store, patience
        self._owner, self._on_stored = owner, on_stored
        self._uploads = Uploader(self._store_batch, threads=store.writers)
        self._waiting: list[GeneratedImage] = []
        self.made: dict[str | None, list[str]] = {}
        self.unstored: set[str] = set()

    def put(self, drawn: GeneratedImage) -> None:
        """Queue an image, to be stored together with others of its run."""
        if self._waiting and self._waiting[0].run_id != drawn.run_id:
            self.send()
        self.unstored.add(drawn.digest)
        self._waiting.append(drawn)
        if len(self._waiting) == TOGETHER or _raw_bytes(self._waiting) >= TOGETHER_BYTES:
            self.send()

    def send(self) -> None:
        """Store the queued images now."""
        if self._waiting:
            pictures, self._waiting = self._waiting, []
            self._uploads.put(pictures, _raw_bytes(pictures))

    def flush(self) -> None:
        """Wait until all images sent are stored; raise the error if that failed."""
        self._uploads.flush()

    def _store_batch(self, pictures: list[GeneratedImage]) -> None:
        """Store the images and record them in the catalog; runs in an upload thread."""
        pngs = [(png_bytes(one.image, one.recipe), PNG) for one in pictures]
        run_id = pictures[0].run_id
        looks = [structure(one.image) for one in pictures]

        def store_rows() -> list[str]:
            with storing(self._catalog, self._store, *pngs) as (s, addresses):
                finished = [
                    CellPicture(
                        one.digest, sha256, one.image.width, one.image.height, one.device_seconds, one.made_with
                    )
                    for one, sha256 in zip(pictures, addresses, strict=True)
                ]
                done = writes.finish_cells(s, finished, owner=self._owner, run_id=run_id, device=self._device)
                prints = [
                    fingerprint(sha256, look)
                    for one, sha256, look in zip(pictures, addresses, looks, strict=True)
                    if one.digest in done
                ]
                writes.add_fingerprints(s, prints)
                return done

        stored = self._patience.retry(lambda: retrying(store_rows))
        self.made.setdefault(run_id, []).extend(stored)
        _log.info("%d images were stored", len(stored), extra={"cells": stored})
        for one in pictures:
            self.unstored.discard(one.digest)
            self._on_stored(one.digest)
        if len(stored) < len(pictures):
            self.discarded += len(pictures) - len(stored)
            _log.warning("%d images were discarded: another worker had leased their cells", len(pictures) - len(stored))
        self._store_thumbnails([data for (data, _), one in zip(pngs, pictures, strict=True) if _is_large(one.image)])

    def _store_thumbnails(self, pngs: Sequence[bytes]) -> None:
        """Store thumbnails. Failure is harmless: pages create missing ones."""
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
        """Store what was put, also when the block raises, but then without waiting for outages."""
        if error is not None:
            self._patience.stop.set()
        try:
            self.send()
        except Exception as second:
            if error is None:
                raise
            _log.warning("the last images could not be stored: %s", second)
        finally:
            try:
                self._uploads.__exit__(kind, error, trace)
            finally:
                self.unstored.clear()  # what is not recorded by now is not stored


def _is_large(image: Image.Image) -> bool:
    """Return whether to create a thumbnail now; that of a small image is quick to create when shown."""
    return max(image.size) > SIDE


def _raw_bytes(pictures: Sequence[GeneratedImage]) -> int:
    return sum(one.raw_bytes for one in pictures)
