"""Review queues: the outputs that a person reviews, in a frozen order."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into
from storage.catalog.records import Arrangement, CatalogError, NotInCatalogError
from storage.catalog.schema import QueueGuest, QueuePart, ReviewQueue

BULK = "bulk"
"""In a queue's filter: the decision that a person thinks of taking on all of its outputs at once."""
KEPT = 20  # queues of one person; those that other people review as well are kept in any number


def add_queue(
    s: Session,
    *,
    user_id: int,
    title: str,
    filter: Mapping[str, Any],
    output_ids: Sequence[int] = (),
    revisions: Sequence[int] = (),
    arranged: Arrangement | None = None,
) -> str:
    """Add a queue and return its id; deletes all but the person's last KEPT of its kind.

    Queues that only count what a decision on all would change are a kind of their own: their filter has BULK.
    `revisions`: those that the person saw.

    `arranged`: its outputs with stacks and triage, instead of `output_ids`.
    """
    arranged = arranged or Arrangement(ids=list(output_ids))
    if not arranged.ids and not arranged.hidden:
        raise CatalogError("there is nothing to review under this filter; widen it")
    queue = ReviewQueue(id=uuid.uuid4().hex, user_id=user_id, title=title, filter=dict(filter))
    queue.ids = lists_of(arranged, revisions)
    s.add(queue)
    s.flush()
    part = select(QueuePart.queue_id).where(QueuePart.queue_id == ReviewQueue.id).exists()
    mine = select(ReviewQueue.id, ReviewQueue.filter).where(ReviewQueue.user_id == user_id, ~ReviewQueue.shared, ~part)
    rows = s.execute(mine.order_by(ReviewQueue.created_at.desc())).all()
    alike = [one.id for one in rows if (BULK in one.filter) == (BULK in filter)]
    delete_queues(s, alike[KEPT:])
    return queue.id


def lists_of(arranged: Arrangement, revisions: Sequence[int] = ()) -> dict[str, Any]:
    """Return the lists that a queue's row holds; those of stacks and triage only where there are any."""
    lists: dict[str, Any] = {"ids": list(arranged.ids), "revisions": list(revisions)}
    if arranged.stacks:
        lists["stacks"] = [[first, *others] for first, others in arranged.stacks.items()]
    if arranged.hidden:
        lists["hidden"] = list(arranged.hidden)
    if arranged.triage is not None:
        lists["triage"] = dict(arranged.triage)
    return lists


def pictures_of(lists: Mapping[str, Any]) -> set[int]:
    """Return every output of a queue's row: those with a place, in stacks, and hidden."""
    return {*lists["ids"], *lists.get("hidden", ()), *(one for stack in lists.get("stacks", ()) for one in stack)}


def show_hidden(s: Session, queue_id: str) -> int:
    """Append what triage left out of a queue to it, in order; return how many places there were. Idempotent."""
    queue = s.scalar(
        select(ReviewQueue)
        .where(ReviewQueue.id == queue_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if queue is None:
        raise NotInCatalogError("this review queue no longer exists; start a new one from the gallery")
    hidden = queue.ids.get("hidden", [])
    if hidden:
        kept = {name: value for name, value in queue.ids.items() if name != "hidden"}
        queue.ids = kept | {"ids": [*queue.ids["ids"], *hidden]}
        s.flush()
    return len(hidden)


def delete_queues(s: Session, queue_ids: Sequence[str]) -> None:
    """Delete these queues; the decisions that were made in them stay."""
    for table in (QueueGuest, QueuePart):
        s.execute(delete(table).where(table.queue_id.in_(queue_ids)))
    s.execute(delete(ReviewQueue).where(ReviewQueue.id.in_(queue_ids)))


def share_queue(s: Session, queue_id: str, *, shared: bool) -> None:
    """Let whoever has the queue's link review it, or no longer."""
    queue = s.get(ReviewQueue, queue_id)
    if queue is None:
        raise NotInCatalogError("this review queue no longer exists; start a new one from the gallery")
    queue.shared = shared
    s.flush()


def open_queue(s: Session, queue_id: str, user_id: int) -> None:
    """Record that a person came to someone else's queue, so that it is listed for that person; idempotent."""
    s.execute(insert_into(s, QueueGuest).values(queue_id=queue_id, user_id=user_id).on_conflict_do_nothing())
