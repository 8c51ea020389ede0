"""The several references of a subject: further ones beside its current one, and their weights."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into
from storage.catalog.records import CAPTION, CatalogError, Given
from storage.catalog.schema import Reference, ReferenceMember, Subject
from storage.catalog.writes.annotations import add_annotation
from storage.catalog.writes.blobs import require_blob
from storage.catalog.writes.ids import next_id
from storage.catalog.writes.lineage import record_event
from storage.catalog.writes.versions import lock
from storage.redaction import redact_url


def add_further_reference(
    s: Session,
    *,
    subject_id: int,
    image_sha256: str,
    width: int,
    height: int,
    source: str,
    caption: str | None,
    insist: bool,
    given: Given = "spec",
    actor: str | None = None,
) -> int:
    """Add a reference that does not become the current one; return its id. The same image gives the same row.

    The arguments are those of `add_reference`. A caption that a person gave the same image before is kept unless
    `insist`; `given`: where `actor` gives this one.
    """
    require_blob(s, "image_sha256", image_sha256)
    lock(s, Subject, "subject_id", subject_id)
    same = select(Reference).where(Reference.subject_id == subject_id, Reference.image_sha256 == image_sha256)
    row = s.scalar(same)
    source = redact_url(source)  # it may contain a signature
    if row is None:
        row = Reference(subject_id=subject_id, image_sha256=image_sha256, width=width, height=height, turn=0)
        for name, value in next_id(s, Reference).items():
            setattr(row, name, value)
        row.source, row.caption = source, None
        s.add(row)
        s.flush()
        record_event(s, "reference", row.id, "added", source=source, image_sha256=image_sha256)
    row.source = source
    s.flush()
    give_caption(s, row.id, caption, row.caption, insist=insist, given=given, actor=actor)
    return row.id


def give_caption(
    s: Session,
    reference_id: int,
    caption: str | None,
    kept: str | None,
    *,
    insist: bool,
    given: Given,
    actor: str | None,
) -> None:
    """Enter the caption that an entry gives a reference, unless a person gave it another: `kept`."""
    if caption is not None and (kept is None or insist):
        add_annotation(
            s,
            reference_id=reference_id,
            kind=CAPTION,
            text=caption,
            method="user",
            given=given,
            giver=actor,
            insist=True,
        )


def set_references(s: Session, members: Sequence[tuple[int, float]], *, actor: str | None = None) -> None:
    """Make these the references that the first of them leads, in order: id and weight of each.

    One alone at weight 1 is as it was before there were sets. Raises CatalogError for a weight that is not positive.
    """
    if any(not weight > 0 for _, weight in members):
        raise CatalogError("weight: it is not positive; give a number above 0")
    leading_id = members[0][0]
    lock(s, Reference, "reference_id", leading_id)
    wanted = [] if [weight for _, weight in members] == [1] else list(members)
    rows = select(ReferenceMember.reference_id, ReferenceMember.weight).where(ReferenceMember.leading_id == leading_id)
    before = [(row[0], row[1]) for row in s.execute(rows.order_by(ReferenceMember.position))]
    if before == wanted:
        return
    s.execute(
        delete(ReferenceMember).where(ReferenceMember.leading_id == leading_id),
        execution_options={"synchronize_session": False},
    )
    if wanted:
        s.execute(
            insert_into(s, ReferenceMember),
            [
                {"leading_id": leading_id, "position": i, "reference_id": reference_id, "weight": weight}
                for i, (reference_id, weight) in enumerate(wanted)
            ],
        )
    now = [{"reference": reference_id, "weight": weight} for reference_id, weight in members]
    record_event(s, "reference", leading_id, "set changed", actor=actor, references=now)
