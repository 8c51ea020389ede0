"""What the images and fine-tunings of a reference used of it: its caption, its own control images."""

from collections import Counter
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from storage.catalog.schema import (
    Cell,
    CellControl,
    CellReference,
    CellReferenceControl,
    CellSubject,
    Reference,
    Subject,
    Training,
)

_COLUMNS = {"pose": (Cell.pose, Cell.reference_pose), "depth": (Cell.depth, Cell.reference_depth)}


def is_used(s: Session, subject_name: str, image_sha256: str) -> bool:
    """Return whether images of this reference of the subject were planned, or a fine-tuning on it."""
    cells = _cells(select(CellSubject.cell_id), subject_name, image_sha256)
    further = _further(select(CellReference.cell_id), subject_name, image_sha256)
    trained = select(Training.digest).where(Training.reference_id.in_(_reference(subject_name, image_sha256)))
    return any(s.scalar(rows.limit(1)) is not None for rows in (cells, further, trained))


def is_caption_used(s: Session, subject_name: str, image_sha256: str, caption: str) -> bool:
    """Return whether an image of this reference of the subject was planned with this caption."""
    cells = _cells(select(Cell.id).join(CellSubject, CellSubject.cell_id == Cell.id), subject_name, image_sha256)
    cells = cells.where(Cell.settings["caption"].as_string() == caption)
    further = _further(select(CellReference.cell_id), subject_name, image_sha256)
    further = further.where(CellReference.caption == caption)
    return any(s.scalar(rows.limit(1)) is not None for rows in (cells, further))


def control_uses(s: Session, subject_name: str, image_sha256: str, kind: str) -> dict[str | None, int]:
    """Count the planned images of this reference that follow a control image of a kind, by the reference's own one.

    None: they were planned without one of the reference.
    """
    if kind in _COLUMNS:
        followed, own = _COLUMNS[kind]
        rows: Any = select(own, func.count()).join(CellSubject, CellSubject.cell_id == Cell.id)
        rows = rows.where(followed.is_not(None)).group_by(own)
    else:
        theirs = aliased(CellControl)
        same = (theirs.cell_id == CellControl.cell_id) & (theirs.kind == kind) & theirs.of_reference
        rows = select(theirs.image_sha256, func.count()).select_from(CellControl)
        rows = rows.join(CellSubject, CellSubject.cell_id == CellControl.cell_id).outerjoin(theirs, same)
        rows = rows.where(CellControl.kind == kind, ~CellControl.of_reference).group_by(theirs.image_sha256)
    found = Counter({row[0]: row[1] for row in s.execute(_cells(rows, subject_name, image_sha256))})
    found.update({row[0]: row[1] for row in s.execute(_further(_as_further(kind), subject_name, image_sha256))})
    return dict(found)


def _as_further(kind: str) -> Any:
    """Select the cells that follow a control image of a kind, as `control_uses`, by that of a further reference."""
    own, followed = aliased(CellReferenceControl), aliased(CellControl)
    here = (own.cell_id == CellReference.cell_id) & (own.position == CellReference.position) & (own.kind == kind)
    rows: Any = select(own.image_sha256, func.count()).select_from(CellReference).outerjoin(own, here)
    if kind in _COLUMNS:
        rows = rows.join(Cell, Cell.id == CellReference.cell_id).where(_COLUMNS[kind][0].is_not(None))
    else:
        rows = rows.join(followed, followed.cell_id == CellReference.cell_id)
        rows = rows.where(followed.kind == kind, ~followed.of_reference)
    return rows.group_by(own.image_sha256)


def _further(rows: Any, subject_name: str, image_sha256: str) -> Any:
    """Restrict rows of cells, joined with their further references, to those of this reference of the subject."""
    return rows.where(CellReference.reference_id.in_(_reference(subject_name, image_sha256)))


def _cells(rows: Any, subject_name: str, image_sha256: str) -> Any:
    """Restrict rows of cells, joined with their subjects, to those of this reference of the subject."""
    ours = select(Subject.id).where(Subject.name == subject_name)
    return rows.where(
        CellSubject.subject_id.in_(ours), CellSubject.reference_id.in_(_reference(subject_name, image_sha256))
    )


def _reference(subject_name: str, image_sha256: str) -> Select[int]:
    rows = select(Reference.id).join(Subject, Subject.id == Reference.subject_id)
    return rows.where(Subject.name == subject_name, Reference.image_sha256 == image_sha256)
