"""Refuses to replace a version of a reference's mask, caption or control image that its writer has not seen."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.records import VersionConflictError
from storage.catalog.schema import Annotation, Mask, Reference
from storage.catalog.writes.versions import lock

MASK = "mask"


def demand_seen(s: Session, *, reference_id: int, kind: str, seen: int | None) -> None:
    """Lock the reference, and raise VersionConflictError unless `seen` is the id of the current version of this kind.

    `kind`: "mask", "caption" or a kind of control image; `seen`: None if the writer saw that there was none.
    """
    lock(s, Reference, "reference_id", reference_id)
    if kind == MASK:
        masks = select(Mask).where(Mask.reference_id == reference_id).order_by(Mask.turn.desc(), Mask.id.desc())
        current: Mask | Annotation | None = s.scalar(masks.limit(1))
    else:
        notes = select(Annotation).where(Annotation.reference_id == reference_id, Annotation.kind == kind)
        current = s.scalar(notes.order_by(Annotation.turn.desc(), Annotation.id.desc()).limit(1))
    if (None if current is None else current.id) != seen:
        who = (None if current is None else current.giver) or "a run"
        raise VersionConflictError(f"{kind}: {who} changed it since you opened the page; look at it and decide again")
