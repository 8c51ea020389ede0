"""Subjects and their references."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into
from storage.catalog.name_conflicts import differences, name_taken_message
from storage.catalog.records import Given, NameTakenError, NotInCatalogError
from storage.catalog.schema import Reference, Subject
from storage.catalog.views.subjects import subject_assets
from storage.catalog.writes.blobs import require_blob
from storage.catalog.writes.ids import next_id
from storage.catalog.writes.lineage import record_event
from storage.catalog.writes.reference_sets import give_caption
from storage.catalog.writes.versions import lock
from storage.redaction import redact_url


def enter_subject(
    s: Session,
    *,
    name: str,
    class_word: str,
    style: str,
    image_sha256: str,
    width: int,
    height: int,
    source: str,
    caption: str | None,
    further: Sequence[tuple[str, float]] = (),
    weight: float = 1.0,
    replace: bool = False,
    recaption: bool = False,
    actor: str | None = None,
    given: Given = "spec",
) -> tuple[int, int]:
    """Ingest a subject and its reference, which becomes the current one; return both ids.

    A name is one subject: if the stored one has another reference, class word or style, raises NameTakenError unless
    `replace`. A caption that a person gave the same reference before is kept unless `replace` or `recaption`, because
    it affects the images of every spec that names only the subject. `given`: where `actor` gives the caption.
    `weight`, `further`: how much the reference counts, and the SHA-256 and weight of each that `set_references` will
    add; they are compared here.
    """
    new = insert_into(s, Subject).values(name=name, class_word=class_word, style=style, **next_id(s, Subject))
    s.execute(new.on_conflict_do_nothing(index_elements=[Subject.name]))
    chosen = select(Subject.id).where(Subject.name == name).with_for_update(key_share=True)
    subject_id = s.scalars(chosen).one_or_none()
    if subject_id is None:  # of a project that this session does not see
        raise NameTakenError(f"name {name!r} is taken; choose another")
    try:
        stored = subject_assets(s, name)
    except NotInCatalogError:  # new, or without a reference: no conflict
        stored = None
    references = [(image_sha256, weight), *further]
    if stored is not None:
        found = differences(stored, class_word=class_word, style=style, references=references)
        if found and not replace:
            raise NameTakenError(name_taken_message(name, stored, found))
        if found:
            before = {"class_word": stored.class_word, "style": stored.style, "image_sha256": stored.image_sha256}
            record_event(s, "subject", subject_id, "replaced", actor=actor, **before)
    add_subject(s, name=name, class_word=class_word, style=style)
    same = (Reference.subject_id == subject_id, Reference.image_sha256 == image_sha256)
    kept = s.scalar(select(Reference.caption).where(*same))
    reference_id = add_reference(
        s,
        subject_id=subject_id,
        image_sha256=image_sha256,
        width=width,
        height=height,
        source=source,
        caption=kept,
    )
    give_caption(s, reference_id, caption, kept, insist=replace or recaption, given=given, actor=actor)
    return subject_id, reference_id


def add_subject(s: Session, *, name: str, class_word: str, style: str) -> int:
    """Insert or update the subject `name` with `class_word` and `style`; return its id."""
    fresh = next_id(s, Subject)
    insert = insert_into(s, Subject).values(name=name, class_word=class_word, style=style, **fresh)
    news = {"class_word": class_word, "style": style}
    upsert = insert.on_conflict_do_update(index_elements=[Subject.name], set_=news).returning(Subject.id)
    return s.scalars(upsert).one()


def add_reference(
    s: Session, *, subject_id: int, image_sha256: str, width: int, height: int, source: str, caption: str | None
) -> int:
    """Add a reference to the subject, which becomes its current one; return its id.

    `width`, `height` in pixels; `source` is its origin, for display. The same image gives the same row, with
    `source` and `caption` updated.
    """
    require_blob(s, "image_sha256", image_sha256)
    lock(s, Subject, "subject_id", subject_id)
    newest = s.scalar(select(func.max(Reference.turn)).where(Reference.subject_id == subject_id)) or 0
    same = select(Reference).where(Reference.subject_id == subject_id, Reference.image_sha256 == image_sha256)
    row = s.scalar(same)
    new = row is None
    if row is None:
        fresh = next_id(s, Reference)
        row = Reference(subject_id=subject_id, image_sha256=image_sha256, width=width, height=height, turn=0, **fresh)
        s.add(row)
    source = redact_url(source)  # it may contain a signature
    row.source, row.caption = source, caption
    row.turn = row.turn if row.turn and row.turn == newest else newest + 1
    s.flush()
    if new:
        record_event(s, "reference", row.id, "added", source=source, image_sha256=image_sha256)
    return row.id
