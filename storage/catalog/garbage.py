"""Which blobs nothing refers to: marked first, and taken away only if it is still so a grace period later."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, CursorResult, Select, Update, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from storage.catalog import Catalog
from storage.catalog.database.sql import chunks, insert_into, instant
from storage.catalog.schema import (
    AttentionMap,
    Blob,
    Cell,
    Checkpoint,
    Mask,
    Measurement,
    Output,
    Reference,
    Run,
    Training,
)

# Every column that names a blob. A new one belongs here; a test compares this with the foreign keys of the schema.
REFERENCING = (
    Reference.image_sha256,
    Mask.mask_sha256,
    Checkpoint.weights_sha256,
    Training.resume_sha256,
    Run.sheet_sha256,
    Cell.pose,
    Cell.depth,
    Cell.reference_pose,
    Cell.reference_depth,
    Output.image_sha256,
    AttentionMap.map_sha256,
    Measurement.image_sha256,
)


def is_referenced() -> ColumnElement[bool]:
    """Whether some row refers to the blob."""
    return or_(*(exists().where(column == Blob.sha256) for column in REFERENCING))


def blobs(s: Session, *, after: str = "", limit: int = 1000) -> Sequence[tuple[str, int, bool]]:
    """Blobs in the order of their digests, from behind `after`: digest, size in bytes, whether something refers."""
    rows = select(Blob.sha256, Blob.size, is_referenced()).where(Blob.sha256 > after).order_by(Blob.sha256).limit(limit)
    return [(sha256, size, bool(used)) for sha256, size, used in s.execute(rows)]


def pages(catalog: Catalog) -> Iterator[Sequence[tuple[str, int, bool]]]:
    """All `blobs`, a page at a time: no transaction stays open meanwhile, and a catalog of any size fits the memory."""
    after = ""
    while True:
        with catalog.read() as s:
            page = blobs(s, after=after)
        if not page:
            return
        yield page
        after = page[-1][0]


def total(s: Session) -> tuple[int, int]:
    """How many blobs are recorded, and their bytes."""
    count, size = s.execute(select(func.count(), func.coalesce(func.sum(Blob.size), 0)).select_from(Blob)).one()
    return count, int(size)


def known(s: Session, digests: Sequence[str]) -> set[str]:
    """Those of the digests that are recorded blobs."""
    return {one for part in chunks(digests) for one in s.scalars(select(Blob.sha256).where(Blob.sha256.in_(part)))}


def adopt(s: Session, found: Sequence[tuple[str, int]]) -> int:
    """Record blobs (digest, size) that are in the store and in no row, as garbage; how many were new.

    From then on they are collected like any other, and whoever puts the same bytes takes them off the list.
    """
    at, new = instant(s), 0
    for sha256, size in found:
        row = {"sha256": sha256, "size": size, "content_type": "application/octet-stream", "marked_at": at}
        insert = insert_into(s, Blob).values(row).on_conflict_do_nothing(index_elements=[Blob.sha256])
        new += len(s.scalars(insert.returning(Blob.sha256)).all())
    return new


def garbage(s: Session) -> int:
    """How many blobs nothing refers to, marked or not."""
    return s.scalar(select(func.count()).select_from(Blob).where(~is_referenced())) or 0


def forget(s: Session) -> None:
    """Remove the rows of all garbage, in a copy of a catalog whose objects are copied apart."""
    s.execute(delete(Blob).where(~is_referenced()), execution_options={"synchronize_session": False})


def mark(s: Session) -> tuple[int, int]:
    """Mark what nothing refers to, and unmark what something refers to again; how many of each."""
    at = instant(s)
    again = update(Blob).where(Blob.marked_at.is_not(None), is_referenced()).values(marked_at=None)
    marked = update(Blob).where(Blob.marked_at.is_(None), ~is_referenced()).values(marked_at=at)
    taken_off, put_on = (_changed(s, statement) for statement in (again, marked))
    return put_on, taken_off


def _changed(s: Session, statement: Update) -> int:
    """How many rows the statement changed: counted by the database, not fetched."""
    done = s.execute(statement, execution_options={"synchronize_session": False})
    return done.rowcount if isinstance(done, CursorResult) else 0


def due(s: Session, grace_seconds: float, *, after: str = "", limit: int = 1000) -> Sequence[tuple[str, int]]:
    """Digest and size of what was marked at least `grace_seconds` ago and is still garbage, from behind `after`."""
    rows = _due(instant(s) - timedelta(seconds=grace_seconds)).where(Blob.sha256 > after)
    return [(sha256, size) for sha256, size in s.execute(rows.order_by(Blob.sha256).limit(limit))]


def remove_row(s: Session, sha256: str, grace_seconds: float) -> bool:
    """Remove the row of a blob that is due, and hold it until the transaction ends; False: it is wanted, or held.

    While it is held nobody can record these bytes or refer to them: delete the object now, then commit.
    """
    before = instant(s) - timedelta(seconds=grace_seconds)
    chosen = _due(before).where(Blob.sha256 == sha256).with_for_update(skip_locked=True)
    if s.execute(chosen).first() is None:
        return False
    # The links are checked by the database once more: a row that came to refer to it meanwhile makes this fail.
    s.execute(delete(Blob).where(Blob.sha256 == sha256), execution_options={"synchronize_session": False})
    return True


def _due(before: datetime) -> Select[str, int]:
    return select(Blob.sha256, Blob.size).where(Blob.marked_at <= before, ~is_referenced())
