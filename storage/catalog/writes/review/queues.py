"""Review queues: the outputs that a person reviews, in a frozen order."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.catalog.records import CatalogError
from storage.catalog.schema import ReviewQueue

KEPT = 20  # queues of one person


def add_queue(
    s: Session,
    *,
    user_id: int,
    title: str,
    filter: Mapping[str, Any],
    output_ids: Sequence[int],
    revisions: Sequence[int] = (),
) -> str:
    """Add a queue and return its id; deletes all but the person's last KEPT. `revisions`: those that the person saw."""
    if not output_ids:
        raise CatalogError("there is nothing to review under this filter; widen it")
    queue = ReviewQueue(id=uuid.uuid4().hex, user_id=user_id, title=title, filter=dict(filter))
    queue.ids = {"ids": list(output_ids), "revisions": list(revisions)}
    s.add(queue)
    s.flush()
    mine = select(ReviewQueue.id).where(ReviewQueue.user_id == user_id)
    old = s.scalars(mine.order_by(ReviewQueue.created_at.desc()).offset(KEPT)).all()
    s.execute(delete(ReviewQueue).where(ReviewQueue.id.in_(old)))
    return queue.id
