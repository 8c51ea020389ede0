"""The collector: marks what nothing refers to, waits, looks again, and only then deletes.

Runs may write at the same moment. They put bytes, record them and refer to them, in this order (storage.keeping); what
is recorded is off the list, and here the list, the row and the object go in one transaction that excludes them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import IntegrityError

from storage.catalog import Catalog, garbage
from storage.keys import blob_key, sha256_of_key, thumbnail_key
from storage.objects import ObjectStat, ObjectStore

GRACE_SECONDS = 24 * 3600.0
YOUNG_SECONDS = 900.0
"""An object without a row that is younger may belong to a run that is about to record it."""
_BATCH = 500


@dataclass(frozen=True)
class Collected:
    """What a collection did, or with `dry_run` would do. `freed` in bytes; `waiting` garbage is not yet due."""

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
    """Mark garbage, and delete what was marked `grace_seconds` ago and is garbage still.

    So what is found today goes the next time after the grace period, or now with `wait`, which stays that long.
    `dry_run` changes nothing. May be killed at any instant and run beside any number of workers and collectors.
    """
    if dry_run:
        return _look(catalog, store, grace_seconds)
    store.check()  # sweeps what killed writers left half-written
    adopted = sum(_adopt(catalog, batch) for batch in _batches(_without_row(catalog, store)))
    marked, unmarked = catalog.transact(garbage.mark)
    if wait:
        sleep(grace_seconds)
    with catalog.read() as s:
        listed = list(garbage.due(s, grace_seconds))
    deleted = [size for sha256, size in listed if _delete(catalog, store, sha256, grace_seconds)]
    with catalog.read() as s:
        waiting = garbage.garbage(s)
    return Collected(adopted, marked, unmarked, len(deleted), sum(deleted), waiting, False)


def _look(catalog: Catalog, store: ObjectStore, grace_seconds: float) -> Collected:
    orphans = sum(1 for _ in _without_row(catalog, store))
    with catalog.read() as s:
        listed, every = list(garbage.due(s, grace_seconds)), garbage.garbage(s)
        marked = sum(1 for _ in garbage.due(s, 0))
    freed = sum(size for _, size in listed)
    return Collected(orphans, every - marked, 0, len(listed), freed, every + orphans - len(listed), True)


def _without_row(catalog: Catalog, store: ObjectStore) -> Iterator[ObjectStat]:
    """Blobs in the store that no row records, but for young ones."""
    before = datetime.now(UTC) - timedelta(seconds=YOUNG_SECONDS)
    for batch in _batches(one for one in store.walk("blobs") if one.modified < before):
        digests = {one.key: sha256 for one in batch if (sha256 := sha256_of_key(one.key)) is not None}
        with catalog.read() as s:
            recorded = garbage.known(s, list(digests.values()))
        yield from (one for one in batch if one.key in digests and digests[one.key] not in recorded)


def _batches(found: Iterator[ObjectStat]) -> Iterator[list[ObjectStat]]:
    batch: list[ObjectStat] = []
    for one in found:
        batch.append(one)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _adopt(catalog: Catalog, batch: list[ObjectStat]) -> int:
    found = [(sha256, one.size) for one in batch if (sha256 := sha256_of_key(one.key)) is not None]
    return catalog.transact(lambda s: garbage.adopt(s, found))


def _delete(catalog: Catalog, store: ObjectStore, sha256: str, grace_seconds: float) -> bool:
    try:
        with catalog.write() as s:
            gone = garbage.take_away(s, sha256, grace_seconds)
            s.flush()
            if gone:
                # Before the commit: killed here, the row stays and the object goes the next time.
                store.delete(thumbnail_key(sha256))
                store.delete(blob_key(sha256))
            return gone
    except IntegrityError:  # something came to refer to it this very moment
        return False
