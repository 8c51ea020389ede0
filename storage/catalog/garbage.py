"""Unreferenced blobs: marked first, and removed only if still unreferenced after a grace period.

Uploads that have not expired are spared like what a row references.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, CursorResult, Select, Update, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from storage.catalog import Catalog
from storage.catalog.database.base import now
from storage.catalog.database.sql import chunks, insert_into, instant
from storage.catalog.schema import (
    Annotation,
    AttentionMap,
    Blob,
    Cell,
    CellControl,
    CellReferenceControl,
    Checkpoint,
    Mask,
    Measurement,
    OrderFile,
    Output,
    Reference,
    Run,
    Training,
    Upload,
)

# Every column that references a blob; a test compares this list with the foreign keys of the schema.
REFERENCING = (
    Reference.image_sha256,
    Mask.mask_sha256,
    Annotation.image_sha256,
    Checkpoint.weights_sha256,
    Training.resume_sha256,
    Run.sheet_sha256,
    Cell.pose,
    Cell.depth,
    Cell.reference_pose,
    Cell.reference_depth,
    CellControl.image_sha256,
    CellReferenceControl.image_sha256,
    Output.image_sha256,
    AttentionMap.map_sha256,
    Measurement.image_sha256,
    OrderFile.sha256,
)


def is_referenced() -> ColumnElement[bool]:
    """Build the condition that some row references the blob."""
    return or_(*(exists().where(column == Blob.sha256) for column in REFERENCING))


def is_kept() -> ColumnElement[bool]:
    """Build the condition that some row references the blob, or that somebody uploaded it for a subject to come."""
    fresh = select(Upload.sha256).where(Upload.expires_at > now())
    return or_(is_referenced(), Blob.sha256.in_(fresh))


def blobs(s: Session, *, after: str = "", limit: int = 1000) -> Sequence[tuple[str, int, bool]]:
    """List blobs by digest, after the digest `after`: digest, size in bytes, whether it is referenced."""
    rows = select(Blob.sha256, Blob.size, is_kept()).where(Blob.sha256 > after).order_by(Blob.sha256).limit(limit)
    return [(sha256, size, bool(used)) for sha256, size, used in s.execute(rows)]


def pages(catalog: Catalog) -> Iterator[Sequence[tuple[str, int, bool]]]:
    """Yield all `blobs` in pages, so that no transaction stays open and memory use is bounded."""
    after = ""
    while True:
        with catalog.read() as s:
            page = blobs(s, after=after)
        if not page:
            return
        yield page
        after = page[-1][0]


def total(s: Session) -> tuple[int, int]:
    """Count the recorded blobs and their total bytes."""
    count, size = s.execute(select(func.count(), func.coalesce(func.sum(Blob.size), 0)).select_from(Blob)).one()
    return count, int(size)


def known(s: Session, digests: Sequence[str]) -> set[str]:
    """Return the digests that are recorded blobs."""
    return {one for part in chunks(digests) for one in s.scalars(select(Blob.sha256).where(Blob.sha256.in_(part)))}


def adopt(s: Session, found: Sequence[tuple[str, int]]) -> int:
    """Record blobs (digest, size) of the store that the catalog lacks, marked as garbage; return how many were new.

    They are then collected like any other, unless the same bytes are stored again.
    """
    at, new = instant(s), 0
    for sha256, size in found:
        row = {"sha256": sha256, "size": size, "content_type": "application/octet-stream", "marked_at": at}
        insert = insert_into(s, Blob).values(row).on_conflict_do_nothing(index_elements=[Blob.sha256])
        new += len(s.scalars(insert.returning(Blob.sha256)).all())
    return new


def garbage(s: Session) -> int:
    """Count the unreferenced blobs, marked or not."""
    return s.scalar(select(func.count()).select_from(Blob).where(~is_kept())) or 0


def forget(s: Session) -> None:
    """Delete the rows of all unreferenced blobs, in a copy of a catalog for a backup."""
    s.execute(delete(Blob).where(~is_kept()), execution_options={"synchronize_session": False})


def mark(s: Session) -> tuple[int, int]:
    """Mark unreferenced blobs and unmark referenced ones; return how many of each."""
    at = instant(s)
    again = update(Blob).where(Blob.marked_at.is_not(None), is_kept()).values(marked_at=None)
    marked = update(Blob).where(Blob.marked_at.is_(None), ~is_kept()).values(marked_at=at)
    taken_off, put_on = (_changed(s, statement) for statement in (again, marked))
    return put_on, taken_off


def mark_one(s: Session, sha256: str) -> None:
    """Mark this blob if it is unreferenced."""
    marked = update(Blob).where(Blob.sha256 == sha256, Blob.marked_at.is_(None), ~is_kept())
    _changed(s, marked.values(marked_at=instant(s)))


def _changed(s: Session, statement: Update) -> int:
    """Execute the statement and return how many rows it changed."""
    done = s.execute(statement, execution_options={"synchronize_session": False})
    return done.rowcount if isinstance(done, CursorResult) else 0


def due(s: Session, grace_seconds: float, *, after: str = "", limit: int = 1000) -> Sequence[tuple[str, int]]:
    """List digest and size of blobs marked at least `grace_seconds` ago and still unreferenced, after `after`."""
    rows = _due(instant(s) - timedelta(seconds=grace_seconds)).where(Blob.sha256 > after)
    return [(sha256, size) for sha256, size in s.execute(rows.order_by(Blob.sha256).limit(limit))]


def remove_row(s: Session, sha256: str, grace_seconds: float) -> bool:
    """Delete the row of a blob that is due and lock it until the transaction ends; False if it is referenced or locked.

    While it is locked nobody can record or reference these bytes: delete the object now, then commit.
    """
    before = instant(s) - timedelta(seconds=grace_seconds)
    chosen = _due(before).where(Blob.sha256 == sha256).with_for_update(skip_locked=True)
    if s.execute(chosen).first() is None:
        return False
    # The database checks foreign keys again: a row that now references the blob makes this fail.
    s.execute(delete(Blob).where(Blob.sha256 == sha256), execution_options={"synchronize_session": False})
    return True


def _due(before: datetime) -> Select[str, int]:
    return select(Blob.sha256, Blob.size).where(Blob.marked_at <= before, ~is_kept())
