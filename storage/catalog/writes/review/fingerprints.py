"""Fingerprints of images: their perceptual hashes and embeddings, stored under the digest of the image."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.database.sql import chunks, insert_into
from storage.catalog.records import ImageFingerprint
from storage.catalog.schema import Blob, Fingerprint


def add_fingerprints(s: Session, found: Sequence[ImageFingerprint]) -> None:
    """Store fingerprints of recorded images. A new hash replaces an old one; an embedding stays until there is another.

    Images that are not recorded are omitted: they were forgotten meanwhile.
    """
    by_image = {one.image_sha256: one for one in found}
    for part in chunks(sorted(by_image)):  # in one order for all, to avoid deadlocks
        there = s.scalars(select(Blob.sha256).where(Blob.sha256.in_(part)).order_by(Blob.sha256)).all()
        for embedded in (False, True):
            rows = [_row(by_image[sha256]) for sha256 in there if (by_image[sha256].vector is not None) == embedded]
            if not rows:
                continue
            entered = insert_into(s, Fingerprint)
            names = ["phash", "structure", "hash_version", *(["vector", "model"] if embedded else [])]
            news = {name: entered.excluded[name] for name in names}
            s.execute(entered.on_conflict_do_update(index_elements=[Fingerprint.image_sha256], set_=news), rows)


def _row(one: ImageFingerprint) -> dict[str, object]:
    columns = {"image_sha256": one.image_sha256, "phash": one.phash, "structure": one.structure}
    columns["hash_version"] = one.hash_version
    return columns | {"vector": one.vector, "model": one.model, "created_at": now()}
