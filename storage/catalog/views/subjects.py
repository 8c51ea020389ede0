"""A subject with its reference and masks."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.records import MaskFacts, NotInCatalogError, SubjectAssets
from storage.catalog.schema import CellSubject, Mask, Reference, Subject


def subject_assets(s: Session, subject_name: str) -> SubjectAssets:
    """Return a subject, its current reference and mask. Raises NotInCatalogError if it has no reference yet."""
    found = s.execute(
        select(Subject, Reference, Mask)
        .join(Reference, Reference.subject_id == Subject.id)
        .outerjoin(Mask, Mask.reference_id == Reference.id)
        .where(Subject.name == subject_name)
        .order_by(Reference.turn.desc(), Mask.turn.desc())
        .limit(1)
    ).first()
    if found is None:
        raise NotInCatalogError(f"subject {subject_name!r} has no reference in the catalog; ingest it first")
    subject, reference = found[0], found[1]
    mask: Mask | None = found[2]  # an outer join
    return SubjectAssets(
        subject.id,
        subject.class_word,
        subject.style,
        reference.id,
        reference.image_sha256,
        reference.caption,
        None if mask is None else mask.id,
        None if mask is None else mask.mask_sha256,
        None if mask is None else mask.confidence,
        None if mask is None else mask.doubtful,
        source=reference.source,
        mask=None if mask is None else mask_facts(mask),
    )


def mask_facts(mask: Mask) -> MaskFacts:
    """Convert a row of the masks to a record."""
    return MaskFacts(
        id=mask.id,
        sha256=mask.mask_sha256,
        version=mask.version,
        method=mask.method,
        confidence=mask.confidence,
        doubtful=mask.doubtful,
        given=mask.given,
        giver=mask.giver,
        given_at=mask.given_at,
        warnings=None if mask.warnings is None else tuple(mask.warnings),
        licence=mask.licence,
    )


def masks_of(s: Session, subject_name: str, image_sha256: str) -> list[MaskFacts]:
    """List the masks of this reference of the subject, the current one first; empty if it is not a reference."""
    rows = select(Mask).join(Reference, Reference.id == Mask.reference_id).join(Subject)
    rows = rows.where(Subject.name == subject_name, Reference.image_sha256 == image_sha256)
    return [mask_facts(one) for one in s.scalars(rows.order_by(Mask.turn.desc(), Mask.id.desc()))]


def found_masks(s: Session, image_sha256: str) -> list[MaskFacts]:
    """List the masks that were found of an image, whichever subject's reference it is, the newest first."""
    rows = select(Mask).join(Reference, Reference.id == Mask.reference_id)
    rows = rows.where(Reference.image_sha256 == image_sha256, Mask.given == "found").order_by(Mask.id.desc())
    return [mask_facts(one) for one in s.scalars(rows)]


def subject_names(s: Session) -> Sequence[str]:
    """List the names of all subjects in alphabetical order."""
    return s.scalars(select(Subject.name).order_by(Subject.name)).all()


def cells_by_mask(s: Session, subject_id: int, masks: Sequence[int]) -> dict[int, int]:
    """Count the subject's cells planned with each of these masks, omitting zeros."""
    ours = (CellSubject.subject_id == subject_id, CellSubject.mask_id.in_(masks))
    counted = select(CellSubject.mask_id, func.count()).where(*ours).group_by(CellSubject.mask_id)
    return {mask: count for mask, count in s.execute(counted) if mask is not None}
