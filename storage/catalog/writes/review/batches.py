"""Bulk decisions, written and taken back in parts so that no other writer waits long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.database.sql import insert_into
from storage.catalog.records import CatalogError, Decision, NotInCatalogError
from storage.catalog.schema import Output, Review, ReviewBatch
from storage.catalog.writes.audit import record_audit
from storage.catalog.writes.review.reviews import add_review, undo_review

PART = 200  # outputs in one transaction
BEGUN, UNDO_BEGUN = "begin decision on many", "begin undoing decision on many"
"""Actions of the audit: what several transactions do is recorded before the first, too."""


@dataclass(frozen=True)
class Seen:
    """An output as the reviewer saw it."""

    output_id: int
    revision: int


def begin_batch(s: Session, *, id: str, reviewer: str, decision: Decision, filter: Mapping[str, Any]) -> None:
    """Open the batch `id`, which the client generated, and record that in the audit; idempotent.

    Its parts are written one after the other: if they are not all, the audit has who began what.
    """
    row = {"id": id, "reviewer": reviewer, "decision": decision, "filter": dict(filter), "changed": 0}
    insert = insert_into(s, ReviewBatch).values(row).on_conflict_do_nothing(index_elements=[ReviewBatch.id])
    if s.scalars(insert.returning(ReviewBatch.id)).first() is not None:
        about: dict[str, Any] = {"entity": "batch", "entity_id": id}
        record_audit(s, actor=reviewer, action=BEGUN, after={"decision": decision, "filter": dict(filter)}, **about)


def decide_part(s: Session, batch_id: str, seen: Sequence[Seen], *, approvals_needed: int = 1) -> int:
    """Decide on a part of the batch; return how many outputs changed. Those changed since seen are omitted."""
    batch = _batch(s, batch_id)
    changed = 0
    for one in seen:
        if _revision(s, one.output_id) == one.revision:
            add_review(
                s,
                uuid=f"{batch_id}:{one.output_id}",
                output_id=one.output_id,
                revision=one.revision,
                reviewer=batch.reviewer,
                decision=batch.decision,
                batch_id=batch_id,
                approvals_needed=approvals_needed,
            )
            changed += 1
    batch.changed += changed
    s.flush()
    return changed


def end_batch(s: Session, batch_id: str) -> int:
    """Record the batch in the audit; return how many outputs it changed."""
    batch = _batch(s, batch_id)
    after = {"decision": batch.decision, "changed": batch.changed, "filter": batch.filter}
    record_audit(s, actor=batch.reviewer, action="decide on many", entity="batch", entity_id=batch_id, after=after)
    return batch.changed


def undo_part(s: Session, batch_id: str, *, actor: str, after: int = 0, approvals_needed: int = 1) -> tuple[int, int]:
    """Take back PART reviews of the batch, following the review `after`; return their number and the last id, or 0.

    Outputs reviewed again since then are left as they are. The others return to their previous decision.
    """
    batch = _batch(s, batch_id)
    if actor != batch.reviewer:
        raise CatalogError(f"batch {batch_id} is of {batch.reviewer}, who alone can take it back")
    chosen = select(Review).where(Review.batch_id == batch_id, Review.id > after).order_by(Review.id).limit(PART)
    reviews = s.scalars(chosen).all()
    if after == 0 and len(reviews) == PART:
        record_audit(s, actor=actor, action=UNDO_BEGUN, entity="batch", entity_id=batch_id)
    undone = 0
    for review in reviews:
        if _revision(s, review.output_id) != review.revision + 1:
            continue
        undo_review(
            s,
            uuid=f"{batch_id}:{review.output_id}:undo",
            output_id=review.output_id,
            revision=review.revision + 1,
            reviewer=actor,
            approvals_needed=approvals_needed,
        )
        undone += 1
    if len(reviews) < PART:
        s.execute(update(ReviewBatch).where(ReviewBatch.id == batch_id).values(undone_at=now()))
        record_audit(s, actor=actor, action="undo decision on many", entity="batch", entity_id=batch_id)
        return undone, 0
    return undone, reviews[-1].id


def _revision(s: Session, output_id: int) -> int | None:
    """Return the output's revision, which stays as it is until the transaction ends; None if it was deleted."""
    return s.scalar(select(Output.revision).where(Output.id == output_id).with_for_update(key_share=True))


def _batch(s: Session, batch_id: str) -> ReviewBatch:
    batch = s.get(ReviewBatch, batch_id)
    if batch is None:
        raise NotInCatalogError(f"batch {batch_id!r} is not in the catalog; begin_batch(...) opens one")
    return batch
