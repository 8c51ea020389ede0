"""Stores blobs and records them in the catalog, in an order that is safe against crashes and the garbage collector."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.orm import Session

from storage.catalog import Catalog
from storage.catalog.writes import record_blobs
from storage.keys import blob_key
from storage.objects import ObjectStore
from storage.objects.blobs import Piece, place_blobs

SURE_SECONDS = 60.0  # the collector spares objects that are not much older than this


@contextmanager
def storing(catalog: Catalog, store: ObjectStore, *pieces: Piece) -> Iterator[tuple[Session, Sequence[str]]]:
    """Store the pieces and open a `catalog.write()` session in which they are recorded; yields it with their SHA-256.

    with storing(catalog, store, (png, "image/png")) as (s, [sha256]):
        writes.finish_cell(s, digest, image_sha256=sha256, ...)

    Objects are written before the transaction begins, so that it is short. Blobs that already existed may just have
    been collected as garbage: after recording them, which clears the mark, they are checked again. Raises StoreError
    and whatever the block raises.
    """
    began = time.monotonic()
    placed = place_blobs(store, pieces)
    with catalog.write() as s:
        slow = time.monotonic() - began > SURE_SECONDS
        both = list(zip(placed, pieces, strict=True))
        record_blobs(s, [(sha256, len(data), content_type) for (sha256, _), (data, content_type) in both])
        doubtful = [(sha256, piece) for (sha256, new), piece in both if slow or not new]
        place_blobs(store, [piece for sha256, piece in doubtful if not store.exists(blob_key(sha256))])
        yield s, [sha256 for sha256, _ in placed]
