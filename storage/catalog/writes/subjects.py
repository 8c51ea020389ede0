"""Blobs, subjects, references, masks and profiles: what a cell is made from."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.records import CatalogError
from storage.catalog.schema import Blob, Mask, Profile, Reference, Subject
from storage.catalog.sql import insert_into
from storage.keys import blob_key


def record_blob(s: Session, *, sha256: str, size: int, content_type: str) -> None:
    """Say that the store holds these bytes: `size` bytes of MIME type `content_type`. Put them there first."""
    blob_key(sha256)  # refuses what is not a digest
    row = {"sha256": sha256, "size": size, "content_type": content_type}
    s.execute(insert_into(s, Blob).values(row).on_conflict_do_nothing(index_elements=[Blob.sha256]))


def require_blob(s: Session, field: str, sha256: str) -> None:
    """Raise CatalogError unless `sha256` is a recorded blob."""
    if s.get(Blob, sha256) is None:
        raise CatalogError(
            f"{field} {sha256!r} is not a recorded blob; put the bytes in the store, then record_blob(...)"
        )


def add_subject(s: Session, *, name: str, class_word: str, style: str) -> int:
    """The id of the subject called `name`, made or brought up to date with `class_word` and `style`."""
    insert = insert_into(s, Subject).values(name=name, class_word=class_word, style=style)
    news = {"class_word": class_word, "style": style}
    upsert = insert.on_conflict_do_update(index_elements=[Subject.name], set_=news).returning(Subject.id)
    return s.scalars(upsert).one()


def add_reference(
    s: Session, *, subject_id: int, image_sha256: str, width: int, height: int, source: str, caption: str | None
) -> int:
    """The id of this picture of the subject, which becomes the subject's current reference.

    `width`, `height` in pixels; `source` is where it came from, for people. The same picture again is the same row,
    with `source` and `caption` brought up to date.
    """
    require_blob(s, "image_sha256", image_sha256)
    newest = s.scalar(select(func.max(Reference.turn)).where(Reference.subject_id == subject_id)) or 0
    same = select(Reference).where(Reference.subject_id == subject_id, Reference.image_sha256 == image_sha256)
    row = s.scalar(same)
    if row is None:
        row = Reference(subject_id=subject_id, image_sha256=image_sha256, width=width, height=height, turn=0)
        s.add(row)
    row.source, row.caption = source, caption
    row.turn = row.turn if row.turn and row.turn == newest else newest + 1
    s.flush()
    return row.id


def add_mask(s: Session, *, reference_id: int, mask_sha256: str, method: str, confidence: float, doubtful: bool) -> int:
    """The id of this mask of the reference, which becomes the reference's current mask.

    `confidence` lies in 0..1; `doubtful` asks a person to look. The same mask by the same method is the same row.
    """
    if not 0 <= confidence <= 1:
        raise CatalogError(f"confidence {confidence} is outside 0..1; pass a probability")
    require_blob(s, "mask_sha256", mask_sha256)
    newest = s.scalar(select(func.max(Mask.turn)).where(Mask.reference_id == reference_id)) or 0
    same = select(Mask).where(Mask.reference_id == reference_id, Mask.mask_sha256 == mask_sha256, Mask.method == method)
    row = s.scalar(same)
    if row is None:
        row = Mask(reference_id=reference_id, mask_sha256=mask_sha256, method=method, turn=0)
        s.add(row)
    row.confidence, row.doubtful = confidence, doubtful
    row.turn = row.turn if row.turn and row.turn == newest else newest + 1
    s.flush()
    return row.id


def add_profile(s: Session, *, name: str, weights_digest: str) -> int:
    """The id of the model profile `name` with exactly these weights."""
    insert = insert_into(s, Profile).values(name=name, weights_digest=weights_digest)
    s.execute(insert.on_conflict_do_nothing(index_elements=[Profile.name, Profile.weights_digest]))
    return s.scalars(select(Profile.id).where(Profile.name == name, Profile.weights_digest == weights_digest)).one()
