"""Annotations of references: captions and control images, with their origin."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.records import AnnotationFacts
from storage.catalog.schema import Annotation, Reference, Subject

_NEWEST = (Annotation.kind, Annotation.turn.desc(), Annotation.id.desc())


def annotations_of(s: Session, reference_id: int) -> list[AnnotationFacts]:
    """List a reference's annotations by kind; of each kind the current one is first."""
    rows = select(Annotation).where(Annotation.reference_id == reference_id).order_by(*_NEWEST)
    return [annotation_facts(one) for one in s.scalars(rows)]


def annotations_of_image(s: Session, subject_name: str, image_sha256: str) -> list[AnnotationFacts]:
    """List the annotations of this reference of the subject, as `annotations_of`; empty if it is not a reference."""
    rows = select(Annotation).join(Reference, Reference.id == Annotation.reference_id)
    rows = rows.join(Subject, Subject.id == Reference.subject_id)
    rows = rows.where(Subject.name == subject_name, Reference.image_sha256 == image_sha256).order_by(*_NEWEST)
    return [annotation_facts(one) for one in s.scalars(rows)]


def found_annotation(
    s: Session, *, image_sha256: str, kind: str, method: str, words: str | None = None
) -> AnnotationFacts | None:
    """Return what this method found in an image, whichever subject's reference it is; None if it has not looked yet."""
    rows = select(Annotation).join(Reference, Reference.id == Annotation.reference_id)
    rows = rows.where(Reference.image_sha256 == image_sha256, Annotation.kind == kind, Annotation.method == method)
    rows = rows.where(Annotation.words.is_not_distinct_from(words))
    found = s.scalar(rows.order_by(Annotation.id.desc()).limit(1))
    return None if found is None else annotation_facts(found)


def annotation_facts(row: Annotation) -> AnnotationFacts:
    """Convert a row of the annotations to a record."""
    return AnnotationFacts(
        id=row.id,
        kind=row.kind,
        text=row.text,
        image_sha256=row.image_sha256,
        method=row.method,
        words=row.words,
        confidence=row.confidence,
        licence=row.licence,
        version=row.version,
        given=row.given,
        giver=row.giver,
        given_at=row.given_at,
        notes=tuple(row.notes or ()),
        created_at=row.created_at,
    )
