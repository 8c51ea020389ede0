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


@dataclass(frozen=True)
class Seen:
    """An output as the reviewer saw it."""

    output_id: int
    revision: int


def begin_batch(s: Session, *, id: str, reviewer: str, decision: Decision, filter: Mapping[str, Any]) -> None:
    """Open the batch `id`, which the client generated; idempotent."""
    row = {"id": id, "reviewer": reviewer, "decision": decision, "filter": dict(filter), "changed": 0}
    s.execute(insert_into(s, ReviewBatch).values(row).on_conflict_do_nothing(index_elements=[ReviewBatch.id]))


def decide_part(s: Session, batch_id: str, seen: Sequence[Seen], *, approvals_needed: int = 1) -> int:
    """Decide on a part of the batch; return how many outputs changed. Those changed since seen are omitted."""
    batch = _batch(s, batch_id)
    changed = 0
    for one in seen:
        now_at = s.scalar(select(Output.revision).where(Output.id == one.output_id))
        if now_at == one.revision:
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
    undone = 0
    for review in reviews:
        if s.scalar(select(Output.revision).where(Output.id == review.output_id)) != review.revision + 1:
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


def _batch(s: Session, batch_id: str) -> ReviewBatch:
    batch = s.get(ReviewBatch, batch_id)
    if batch is None:
        raise NotInCatalogError(f"batch {batch_id!r} is not in the catalog; begin_batch(...) opens one")
    return batch
