"""The garbage collector: marks unreferenced blobs, waits, checks again, and only then deletes.

Runs may write concurrently. They store bytes, record them and reference them, in this order (storage.ingest); recording
clears the mark, and the collector deletes mark, row and object in one transaction that excludes them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import IntegrityError

from storage.catalog import Catalog, garbage
from storage.keys import blob_key, sha256_of_key, thumbnail_key
from storage.maintenance.verify import batches, without_row
from storage.objects import ObjectStat, ObjectStore

GRACE_SECONDS = 24 * 3600.0
YOUNG_SECONDS = 900.0
"""A younger object without a row may belong to a run that is about to record it."""
_BATCH = 500


@dataclass(frozen=True)
class Collected:
    """Result of a collection, simulated with `dry_run`. `freed` in bytes; `waiting` garbage is not yet due."""

    adopted: int
    marked: int
    unmarked: int
    deleted: int
    freed: int
    waiting: int
    dry_run: bool


def collect(
    catalog: Catalog,
    store: ObjectStore,
    *,
    grace_seconds: float = GRACE_SECONDS,
    dry_run: bool = False,
    wait: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Collected:
    """Mark garbage, and delete what was marked `grace_seconds` ago and is still garbage.

    New garbage is deleted by the first collection after the grace period, or by this one with `wait`, which sleeps that
    long. `dry_run` changes nothing. Safe to kill at any time and to run concurrently with workers and other collectors.
    """
    if dry_run:
        return _look(catalog, store, grace_seconds)
    store.check()  # removes incomplete files of killed writers
    adopted = sum(_adopt(catalog, batch) for batch in _orphans(catalog, store))
    marked, unmarked = catalog.transact(garbage.mark)
    if wait:
        sleep(grace_seconds)
    deleted = freed = 0
    for sha256, size in _due(catalog, grace_seconds):
        if _delete(catalog, store, sha256, grace_seconds):
            deleted, freed = deleted + 1, freed + size
    with catalog.read() as s:
        waiting = garbage.garbage(s)
    return Collected(adopted, marked, unmarked, deleted, freed, waiting, False)


def discard(catalog: Catalog, store: ObjectStore, sha256: str) -> bool:
    """Delete one blob now, without the grace period, if nothing references it; return whether it was deleted.

    For bytes whose only owner has replaced them. If killed, the collector deletes them later.
    """
    catalog.transact(lambda s: garbage.mark_one(s, sha256))
    return _delete(catalog, store, sha256, 0.0)


def _look(catalog: Catalog, store: ObjectStore, grace_seconds: float) -> Collected:
    orphans = sum(len(batch) for batch in _orphans(catalog, store))
    with catalog.read() as s:
        every = garbage.garbage(s)
    marked = sum(1 for _ in _due(catalog, 0))
    deleted = freed = 0
    for _, size in _due(catalog, grace_seconds):
        deleted, freed = deleted + 1, freed + size
    return Collected(orphans, every - marked, 0, deleted, freed, every + orphans - deleted, True)


def _due(catalog: Catalog, grace_seconds: float) -> Iterator[tuple[str, int]]:
    """Yield digest and size of due blobs, page by page."""
    after = ""
    while True:
        with catalog.read() as s:
            page = garbage.due(s, grace_seconds, after=after, limit=_BATCH)
        if not page:
            return
        yield from page
        after = page[-1][0]


def _orphans(catalog: Catalog, store: ObjectStore) -> Iterator[list[ObjectStat]]:
    """Yield batches of blobs in the store without a row, except young ones."""
    before = datetime.now(UTC) - timedelta(seconds=YOUNG_SECONDS)
    for batch in batches(one for one in store.walk("blobs") if one.modified < before):
        if orphans := without_row(catalog, batch):
            yield orphans


def _adopt(catalog: Catalog, batch: list[ObjectStat]) -> int:
    found = [(sha256, one.size) for one in batch if (sha256 := sha256_of_key(one.key)) is not None]
    return catalog.transact(lambda s: garbage.adopt(s, found))


def _delete(catalog: Catalog, store: ObjectStore, sha256: str, grace_seconds: float) -> bool:
    try:
        with catalog.write() as s:
            gone = garbage.remove_row(s, sha256, grace_seconds)
            s.flush()
            if gone:
                # Before the commit: if killed here, the row remains and the object is deleted the next time.
                store.delete(thumbnail_key(sha256))
                store.delete(blob_key(sha256))
            return gone
    except IntegrityError:  # it was referenced concurrently
        return False
