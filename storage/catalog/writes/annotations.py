"""Annotations of references (captions, control images): versions, the current one, its origin."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from storage.catalog.precedence import keeps_current
from storage.catalog.records import CAPTION, PERSONS, CatalogError, Given
from storage.catalog.schema import Annotation, Reference
from storage.catalog.writes.blobs import require_blob
from storage.catalog.writes.ids import next_id
from storage.catalog.writes.lineage import record_event
from storage.catalog.writes.versions import lock, make_current


def add_annotation(
    s: Session,
    *,
    reference_id: int,
    kind: str,
    method: str,
    text: str | None = None,
    image_sha256: str | None = None,
    words: str | None = None,
    confidence: float | None = None,
    licence: str | None = None,
    notes: Sequence[str] = (),
    given: Given = "found",
    giver: str | None = None,
    requested: bool = False,
    insist: bool = False,
) -> int:
    """Add a caption (`text`) or a control image (`image_sha256`) to the reference and return its id.

    It becomes the current one of its kind unless a person's has precedence. A control image of neither records that
    nothing was found. `confidence` lies in 0..1; the other values are as in the schema, `requested` (a person
    requested a new search) and `insist` as in `keeps_current`. The same content by the same method is the same row.
    """
    if confidence is not None and not 0 <= confidence <= 1:
        raise CatalogError(f"confidence {confidence} is outside 0..1; pass a probability")
    if (kind == CAPTION) != (text is not None) or (text is not None and image_sha256 is not None):
        raise CatalogError(f"{kind}: a caption has a text, an annotation of another kind an image or nothing")
    if image_sha256 is not None:
        require_blob(s, "image_sha256", image_sha256)
    lock(s, Reference, "reference_id", reference_id)
    of_kind = select(Annotation).where(Annotation.reference_id == reference_id, Annotation.kind == kind)
    current = s.scalar(of_kind.order_by(Annotation.turn.desc(), Annotation.id.desc()).limit(1))
    content = (Annotation.text.is_not_distinct_from(text), Annotation.image_sha256.is_not_distinct_from(image_sha256))
    same = of_kind.where(*content, Annotation.method == method, Annotation.words.is_not_distinct_from(words))
    row = s.scalar(same.limit(1))
    stay = current is not row and keeps_current(current, row, given=given, requested=requested, insist=insist)
    new = row is None
    if row is None:
        newest = select(func.max(Annotation.version)).where(
            Annotation.reference_id == reference_id, Annotation.kind == kind
        )
        row = Annotation(reference_id=reference_id, kind=kind, text=text, image_sha256=image_sha256, method=method)
        row.words, row.version, row.turn, row.given = words, (s.scalar(newest) or 0) + 1, 0, given
        for name, value in next_id(s, Annotation).items():
            setattr(row, name, value)
        s.add(row)
    row.confidence, row.licence, row.notes = confidence, licence, list(notes) or None
    if not stay:
        make_current(s, "annotation", row, current, given=given, giver=giver, requested=requested)
        if kind == CAPTION:
            _copy_caption(s, reference_id, text if row.given in PERSONS else None)
    s.flush()
    if new:
        detail = {"kind": kind, "method": method, "version": row.version, "given": given}
        record_event(s, "annotation", row.id, "added", actor=giver, **detail, image_sha256=image_sha256)
    return row.id


def _copy_caption(s: Session, reference_id: int, text: str | None) -> None:
    """Keep the caption that a person gave in the reference's own row, where versions without annotations read it."""
    s.execute(update(Reference).where(Reference.id == reference_id).values(caption=text))
