"""A subject with its reference and masks."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.records import MaskFacts, NotInCatalogError, ReferenceWeight, SubjectAssets
from storage.catalog.schema import CellReference, CellSubject, Mask, Reference, Subject
from storage.catalog.views.reference_sets import references_in_use


def subject_assets(s: Session, subject_name: str) -> SubjectAssets:
    """Return a subject, its current reference and mask. Raises NotInCatalogError if it has no reference yet."""
    found = s.execute(_assets().where(Subject.name == subject_name)).first()
    if found is None:
        raise NotInCatalogError(f"subject {subject_name!r} has no reference in the catalog; ingest it first")
    assets = assets_of(*found)
    members = references_in_use(s, [assets.reference_id]).get(assets.reference_id)
    return assets if members is None else replace(assets, references=tuple(members))


def further_assets(s: Session, subject: SubjectAssets) -> list[SubjectAssets]:
    """Return the subject with each of its further references and that one's current mask, in order."""
    ids = [one.reference_id for one in subject.references[1:]]
    return [assets_of(*s.execute(_assets().where(Reference.id == one)).one()) for one in ids]


def _assets() -> Select[Subject, Reference, Mask]:
    """Select a subject with a reference and mask, the current ones first."""
    rows = select(Subject, Reference, Mask).join(Reference, Reference.subject_id == Subject.id)
    rows = rows.outerjoin(Mask, Mask.reference_id == Reference.id)
    return rows.order_by(Reference.turn.desc(), Mask.turn.desc()).limit(1)


def assets_of(subject: Subject, reference: Reference, mask: Mask | None) -> SubjectAssets:
    """Return the record of a subject with this reference alone."""
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
        references=(ReferenceWeight(reference_id=reference.id, image_sha256=reference.image_sha256),),
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


def names_of_subjects(s: Session, subject_ids: Collection[int]) -> dict[int, str]:
    """Return the names of these subjects by id."""
    rows = select(Subject.id, Subject.name)
    return {id: name for part in chunks([*subject_ids]) for id, name in s.execute(rows.where(Subject.id.in_(part)))}


def subject_names(s: Session) -> Sequence[str]:
    """List the names of all subjects in alphabetical order."""
    return s.scalars(select(Subject.name).order_by(Subject.name)).all()


def cells_by_mask(s: Session, subject_id: int, masks: Sequence[int]) -> dict[int, int]:
    """Count the subject's cells planned with each of these masks, omitting zeros."""
    found: Counter[int] = Counter()
    for table in (CellSubject, CellReference):
        ours = (table.subject_id == subject_id, table.mask_id.in_(masks))
        rows = s.execute(select(table.mask_id, func.count()).where(*ours).group_by(table.mask_id))
        found.update({mask: count for mask, count in rows if mask is not None})
    return dict(found)
