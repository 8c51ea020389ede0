"""Blobs: what the store holds. Whoever records one keeps it from the collector."""

from sqlalchemy.orm import Session

from storage.catalog.records import CatalogError
from storage.catalog.schema import Blob
from storage.catalog.sql import insert_into
from storage.keys import blob_key


def record_blob(s: Session, *, sha256: str, size: int, content_type: str) -> None:
    """Say that the store holds these bytes: `size` bytes of MIME type `content_type`. Put them there first.

    Bytes that were there before may be on a collector's list: this takes them off it. storage.keeping does all of it in
    the order that no collector can upset.
    """
    blob_key(sha256)  # refuses what is not a digest
    row = {"sha256": sha256, "size": size, "content_type": content_type}
    insert = insert_into(s, Blob).values(row)
    s.execute(insert.on_conflict_do_update(index_elements=[Blob.sha256], set_={"marked_at": None}))


def require_blob(s: Session, field: str, sha256: str) -> None:
    """Raise CatalogError unless `sha256` is a recorded blob."""
    if s.get(Blob, sha256) is None:
        raise CatalogError(
            f"{field} {sha256!r} is not a recorded blob; put the bytes in the store, then record_blob(...)"
        )
