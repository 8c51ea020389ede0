"""Verifies every row against its bytes, and every blob in the store against the rows."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Literal

from sqlalchemy import ColumnElement, func, select

from storage.catalog import Catalog, garbage
from storage.catalog.schema import Blob, Cell, Output, Run
from storage.keys import blob_key, sha256_of_key
from storage.objects import ObjectMissingError, ObjectStat, ObjectStore

FindingKind = Literal["missing", "damaged", "unrecorded", "misplaced", "no output"]
_PAGE = 500


@dataclass(frozen=True)
class Finding:
    """One problem. `what` names the blob or cell, `detail` describes it and the remedy."""

    kind: FindingKind
    what: str
    detail: str


@dataclass(frozen=True)
class VerifyCounts:
    """How many rows and objects were checked; `bytes` were read and hashed."""

    blobs: int = 0
    objects: int = 0
    bytes: int = 0


def verify(
    catalog: Catalog,
    store: ObjectStore,
    found: Callable[[Finding], None],
    *,
    read_bytes: bool = True,
    settle_seconds: float = 2.0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> VerifyCounts:
    """Call `found` for each problem; nothing is changed.

    Without `read_bytes` only existence and sizes are compared, not digests. `on_progress` receives the blobs done and
    the total. Concurrent writes and collections are not reported: suspects are checked twice, objects younger than a
    minute after `settle_seconds`.
    """
    looked = VerifyCounts()
    with catalog.read() as s:
        total = s.scalar(select(func.count()).select_from(Blob)) or 0
        headless = select(Cell.digest).where(Cell.state == "generated", ~_has_output())
        for digest in s.scalars(headless.execution_options(yield_per=_PAGE)):
            found(Finding("no output", digest, "the cell is marked generated but has no output; run its spec again"))
    for page in garbage.pages(catalog):
        for sha256, size, used in page:
            finding = _wrong(store, sha256, size, partial(_remedy, catalog, sha256, used), read_bytes)
            if finding is not None and _recorded(catalog, blob_key(sha256)):
                found(finding)
            looked = VerifyCounts(looked.blobs + 1, 0, looked.bytes + (size if read_bytes else 0))
        on_progress(looked.blobs, total)
    objects = 0
    for batch in batches(store.walk("blobs")):
        objects += len(batch)
        for one in batch:
            if sha256_of_key(one.key) is None:
                found(Finding("misplaced", one.key, "not a blob key: something else put it there; remove it"))
        for one in _unrecorded(catalog, store, batch, settle_seconds):
            detail = f"{one.size} bytes without a catalog row; `dreamtuner gc` removes them once they are old"
            found(Finding("unrecorded", str(sha256_of_key(one.key)), detail))
    return VerifyCounts(looked.blobs, objects, looked.bytes)


def batches(objects: Iterator[ObjectStat], size: int = _PAGE) -> Iterator[list[ObjectStat]]:
    """Yield `size` objects at a time, to bound memory use."""
    while batch := list(islice(objects, size)):
        yield batch


def _unrecorded(
    catalog: Catalog, store: ObjectStore, batch: list[ObjectStat], settle_seconds: float
) -> list[ObjectStat]:
    """Return blobs of the batch without a row, checked twice, as a run may be about to record a young one."""
    suspects = without_row(catalog, batch)
    if any(datetime.now(UTC) - one.modified < timedelta(minutes=1) for one in suspects):
        time.sleep(settle_seconds)
    return [one for one in without_row(catalog, suspects) if store.exists(one.key)]


def without_row(catalog: Catalog, objects: list[ObjectStat]) -> list[ObjectStat]:
    """Return the objects that are blobs by key and have no row."""
    digests = {one.key: sha256 for one in objects if (sha256 := sha256_of_key(one.key)) is not None}
    with catalog.read() as s:
        recorded = garbage.known(s, list(digests.values()))
    return [one for one in objects if one.key in digests and digests[one.key] not in recorded]


def _has_output() -> ColumnElement[bool]:
    return select(Output.id).where(Output.cell_id == Cell.id).exists()


def _recorded(catalog: Catalog, key: str) -> bool:
    with catalog.read() as s:
        return bool(garbage.known(s, [str(sha256_of_key(key))]))


def _remedy(catalog: Catalog, sha256: str, used: bool) -> str:
    if not used:
        return "`dreamtuner gc` removes the row"
    with catalog.read() as s:
        run_id = s.scalar(select(Run.id).where(Run.sheet_sha256 == sha256).limit(1))
    if run_id is None:
        return "run the specs that use it again with --check, or restore a backup"
    return f"this is the contact sheet of run {run_id}: restore a backup; a new run creates another sheet"


def _wrong(store: ObjectStore, sha256: str, size: int, remedy: Callable[[], str], read_bytes: bool) -> Finding | None:
    key = blob_key(sha256)
    try:
        held = store.stat(key).size
        if held == size and read_bytes:
            held, digest = size, hashlib.sha256(store.get(key)).hexdigest()
        else:
            digest = sha256
    except ObjectMissingError:
        return Finding("missing", sha256, f"{size} bytes are recorded but missing from the store; {remedy()}")
    if held != size:
        return Finding("damaged", sha256, f"{held} bytes are in the store instead of {size}; {remedy()}")
    if digest != sha256:
        return Finding("damaged", sha256, f"the bytes in the store have SHA-256 {digest}; {remedy()}")
    return None
