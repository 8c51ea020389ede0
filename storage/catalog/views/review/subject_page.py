"""Data of a subject's page: references, mask versions, checkpoints and what depends on an older mask."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from storage.catalog.records import AnnotationFacts, Given, NotInCatalogError
from storage.catalog.schema import CellReference, CellSubject, Checkpoint, Mask, Reference, Subject, Training
from storage.catalog.views.annotations import annotations_of
from storage.catalog.views.output_subjects import trained_for
from storage.catalog.views.reference_sets import references_in_use
from storage.redaction import redact_url


@dataclass(frozen=True)
class MaskView:
    """One version of a reference's mask; `cells` and `checkpoints` count its uses. The rest as in MaskFacts."""

    id: int
    version: int
    sha256: str
    method: str
    confidence: float
    doubtful: bool
    current: bool
    created_at: datetime
    cells: int
    checkpoints: int
    given: Given = "found"
    giver: str | None = None
    given_at: datetime | None = None
    warnings: Sequence[str] = ()
    licence: str | None = None


@dataclass(frozen=True)
class ReferenceView:
    """A reference with its masks, the current one first, and its annotations as `annotations_of` lists them.

    `place`: its position among those in use, 0 for the first; None: an earlier one. `weight`: how much it counts.
    """

    id: int
    sha256: str
    width: int
    height: int
    source: str
    caption: str | None
    created_at: datetime
    masks: Sequence[MaskView]
    annotations: Sequence[AnnotationFacts] = ()
    place: int | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class CheckpointView:
    """A fine-tuned checkpoint of the subject."""

    id: int
    weights_sha256: str
    settings: Mapping[str, Any]
    mask_id: int | None
    created_at: datetime


@dataclass(frozen=True)
class SubjectDetail:
    """A subject with its references and checkpoints; those in use are first, in their order."""

    id: int
    name: str
    class_word: str
    style: str
    references: Sequence[ReferenceView]
    checkpoints: Sequence[CheckpointView]


def subject(s: Session, subject_id: int) -> SubjectDetail:
    """Return one subject. Raises NotInCatalogError."""
    row = s.get(Subject, subject_id)
    if row is None:
        raise NotInCatalogError(f"subject {subject_id} is not in the catalog; the subjects page lists them")
    used = _used(s, CellSubject, subject_id) + _used(s, CellReference, subject_id)
    trained = _used(s, Checkpoint, subject_id)
    references = []
    ordered = select(Reference).where(Reference.subject_id == subject_id)
    every = s.scalars(ordered.order_by(Reference.turn.desc(), Reference.id.desc())).all()
    in_use = references_in_use(s, [one.id for one in every[:1]])
    places = {one.id: (0, 1.0) for one in every[:1]}
    places |= {one.reference_id: (i, one.weight) for members in in_use.values() for i, one in enumerate(members)}
    for one in sorted(every, key=lambda ref: places.get(ref.id, (len(places),))[0]):
        rows = s.scalars(select(Mask).where(Mask.reference_id == one.id).order_by(Mask.turn.desc())).all()
        masks = [
            MaskView(
                id=m.id,
                version=m.version,
                sha256=m.mask_sha256,
                method=m.method,
                confidence=m.confidence,
                doubtful=m.doubtful,
                current=i == 0,
                created_at=m.created_at,
                cells=used.get(m.id, 0),
                checkpoints=trained.get(m.id, 0),
                given=m.given,
                giver=m.giver,
                given_at=m.given_at,
                warnings=m.warnings or (),
                licence=m.licence,
            )
            for i, m in enumerate(rows)
        ]
        references.append(
            ReferenceView(
                id=one.id,
                sha256=one.image_sha256,
                width=one.width,
                height=one.height,
                source=redact_url(one.source),
                caption=one.caption,
                created_at=one.created_at,
                masks=masks,
                annotations=annotations_of(s, one.id),
                place=places.get(one.id, (None,))[0],
                weight=places.get(one.id, (None, 1.0))[1],
            )
        )
    learnt = select(Training.checkpoint_id).where(Training.checkpoint_id.is_not(None), trained_for(subject_id))
    chosen = select(Checkpoint).where(or_(Checkpoint.subject_id == subject_id, Checkpoint.id.in_(learnt)))
    chosen = chosen.order_by(Checkpoint.id.desc())
    checkpoints = [
        CheckpointView(c.id, c.weights_sha256, c.settings, c.mask_id, c.created_at) for c in s.scalars(chosen)
    ]
    return SubjectDetail(row.id, row.name, row.class_word, row.style, references, checkpoints)


def _used(
    s: Session, table: type[CellSubject] | type[CellReference] | type[Checkpoint], subject_id: int
) -> Counter[int]:
    """Count the subject's rows that use each mask."""
    counted = select(table.mask_id, func.count()).where(table.subject_id == subject_id, table.mask_id.is_not(None))
    rows = s.execute(counted.group_by(table.mask_id))
    return Counter({mask: count for mask, count in rows if mask is not None})
