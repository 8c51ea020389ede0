"""Blobs of the store. Recording one protects it from the garbage collector."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks, insert_into
from storage.catalog.records import CatalogError
from storage.catalog.schema import Blob
from storage.keys import blob_key


def record_blob(s: Session, *, sha256: str, size: int, content_type: str) -> None:
    """Record a blob of `size` bytes and MIME type `content_type`. Put the bytes into the store first.

    Clears the mark of the garbage collector. storage.ingest does both in an order that is safe while a collector runs.
    """
    record_blobs(s, [(sha256, size, content_type)])


def record_blobs(s: Session, blobs: Sequence[tuple[str, int, str]]) -> None:
    """Record several blobs: digest, size and MIME type of each."""
    rows = {sha256: {"sha256": sha256, "size": size, "content_type": kind} for sha256, size, kind in blobs}
    for sha256 in rows:
        blob_key(sha256)  # rejects what is not a digest
    if rows:
        # in one order for all, to avoid deadlocks
        upsert = insert_into(s, Blob).on_conflict_do_update(index_elements=[Blob.sha256], set_={"marked_at": None})
        s.execute(upsert, [rows[sha256] for sha256 in sorted(rows)])


def require_blob(s: Session, field: str, sha256: str) -> None:
    """Raise CatalogError unless `sha256` is a recorded blob."""
    require_blobs(s, field, [sha256])


def require_blobs(s: Session, field: str, digests: Sequence[str]) -> None:
    """Raise CatalogError unless all of them are recorded blobs."""
    for part in chunks(digests):
        there = set(s.scalars(select(Blob.sha256).where(Blob.sha256.in_(part))))
        for sha256 in part:
            if sha256 not in there:
                raise CatalogError(
                    f"{field} {sha256!r} is not a recorded blob; put the bytes in the store, then record_blob(...)"
                )
