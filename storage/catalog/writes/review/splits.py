"""Splits: a filter's outputs dealt out as several queues, so that people review them without meeting."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.narrowing import viewer_of
from storage.catalog.records import Arrangement, CatalogError, NotInCatalogError
from storage.catalog.schema import QueuePart, QueueSplit, ReviewQueue
from storage.catalog.views.review.queues import split
from storage.catalog.writes.review.queues import lists_of, pictures_of

MOST_PARTS = 20


def add_split(
    s: Session,
    *,
    user_id: int,
    title: str,
    filter: Mapping[str, Any],
    output_ids: Sequence[int] = (),
    parts: int,
    arranged: Arrangement | None = None,
) -> str:
    """Deal the outputs out as `parts` queues, all free, and return the split's id.

    They are dealt like cards, so that each part has its share of the order's beginning. `arranged`: the outputs with
    stacks and triage, instead of `output_ids`: a stack stays together, and what is hidden is dealt out as well.
    """
    arranged = arranged or Arrangement(ids=list(dict.fromkeys(output_ids)))
    pictures = [*arranged.ids, *arranged.hidden]
    if not 2 <= parts <= MOST_PARTS:
        raise CatalogError(f"parts: {parts} is outside 2..{MOST_PARTS}; correct it, or start one queue for yourself")
    if len(pictures) < parts:
        raise CatalogError(f"{len(pictures)} pictures cannot be split into {parts} parts; widen the filter")
    split = QueueSplit(id=uuid.uuid4().hex, user_id=user_id, title=title, filter=dict(filter))
    s.add(split)
    s.flush()
    for number in range(1, parts + 1):
        queue = ReviewQueue(id=uuid.uuid4().hex, user_id=user_id, filter=dict(filter))
        dealt = pictures[number - 1 :: parts]
        hidden = set(arranged.hidden)
        shown, left = [one for one in dealt if one not in hidden], [one for one in dealt if one in hidden]
        queue.title, queue.ids = f"{title}, part {number} of {parts}", lists_of(arranged.part(shown, left))
        s.add(queue)
        s.flush()
        s.add(QueuePart(split_id=split.id, number=number, queue_id=queue.id))
    s.flush()
    return split.id


def extend_split(s: Session, split_id: str, output_ids: Sequence[int]) -> int:
    """Append the outputs that are in no part yet, each to the part that is shortest then; return their number.

    What is in a part stays there, in its place.
    """
    parts = _parts(s, split_id)
    queues = [s.get_one(ReviewQueue, part.queue_id, populate_existing=True) for part in parts]
    held = [list(queue.ids["ids"]) for queue in queues]
    dealt = {one for queue in queues for one in pictures_of(queue.ids)}
    new = [one for one in dict.fromkeys(output_ids) if one not in dealt]
    for one in new:
        min(held, key=len).append(one)
    for queue, ids in zip(queues, held, strict=True):
        queue.ids = queue.ids | {"ids": ids, "revisions": []}
    s.flush()
    return len(new)


def take_part(s: Session, split_id: str, user_id: int) -> str:
    """Give the person a free part, or the one that the person has; return its queue."""
    parts = _parts(s, split_id)
    mine = next((part for part in parts if part.holder_id == user_id), None)
    free = mine or next((part for part in parts if part.holder_id is None), None)
    if free is None:
        raise CatalogError("every part of this review is taken; ask whoever split it to free one")
    free.holder_id = user_id
    s.flush()
    return free.queue_id


def free_part(s: Session, split_id: str, number: int) -> None:
    """Take the part from its holder, so that someone else can have it; the decisions stay."""
    part = next((part for part in _parts(s, split_id) if part.number == number), None)
    if part is None:
        raise NotInCatalogError(f"this review has no part {number}; its page lists its parts")
    part.holder_id = None
    s.flush()


def _parts(s: Session, split_id: str) -> list[QueuePart]:
    """Return the parts by number, and hold the split against other writers until the transaction ends."""
    held = s.scalar(select(QueueSplit.id).where(QueueSplit.id == split_id).with_for_update())
    if held is None:
        raise NotInCatalogError("this review was not split, or no longer exists; start a new one from the gallery")
    if viewer_of(s) is not None:
        split(s, split_id)  # raises if the session sees nothing of it
    chosen = select(QueuePart).where(QueuePart.split_id == split_id).order_by(QueuePart.number)
    return [*s.scalars(chosen.execution_options(populate_existing=True))]
