"""A subject with what pictures of it are made from."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.records import NotInCatalog, SubjectAssets
from storage.catalog.schema import Mask, Reference, Subject


def subject_assets(s: Session, subject_name: str) -> SubjectAssets:
    """The subject with its current reference and that one's current mask; NotInCatalog if it has no reference yet."""
    found = s.execute(
        select(Subject, Reference, Mask)
        .join(Reference, Reference.subject_id == Subject.id)
        .outerjoin(Mask, Mask.reference_id == Reference.id)
        .where(Subject.name == subject_name)
        .order_by(Reference.turn.desc(), Mask.turn.desc())
        .limit(1)
    ).first()
    if found is None:
        raise NotInCatalog(f"subject {subject_name!r} has no reference in the catalog; ingest it first")
    subject, reference = found[0], found[1]
    mask: Mask | None = found[2]  # an outer join
    of_mask = (None,) * 4 if mask is None else (mask.id, mask.mask_sha256, mask.confidence, mask.doubtful)
    return SubjectAssets(
        subject.id, subject.class_word, subject.style, reference.id, reference.image_sha256, reference.caption, *of_mask
    )
