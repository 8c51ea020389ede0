"""Review queues and splits, as the people see them who review there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.narrowing import viewer_of
from storage.catalog.records import NotInCatalogError
from storage.catalog.schema import Output, QueueGuest, QueuePart, QueueSplit, ReviewQueue, User


@dataclass(frozen=True)
class Queue:
    """A frozen queue: its outputs do not change, the decisions on them do.

    `revisions` are the outputs' revisions when it was created, or empty. `shared`: whoever has its link may review it.
    `split_id`: the split that it is a part of, which `holder_id` took, None while it is free. `stacks`, `hidden` and
    `triage` are as in Arrangement.
    """

    id: str
    user_id: int
    title: str
    filter: Mapping[str, Any]
    output_ids: Sequence[int]
    revisions: Sequence[int]
    created_at: datetime
    shared: bool = False
    split_id: str | None = None
    holder_id: int | None = None
    stacks: Mapping[int, Sequence[int]] = field(default_factory=dict)
    hidden: Sequence[int] = ()
    triage: Mapping[str, Any] | None = None

    @property
    def pictures(self) -> list[int]:
        """All outputs that have a place, the others of each stack after its first."""
        return [one for first in self.output_ids for one in (first, *self.stacks.get(first, ()))]

    @property
    def left_out(self) -> int:
        """The number of pictures that triage left out."""
        return sum(1 + len(self.stacks.get(first, ())) for first in self.hidden)

    def is_open_to(self, user_id: int) -> bool:
        """Return whether this person may review it."""
        if self.split_id is not None:
            return self.holder_id == user_id
        return self.shared or self.user_id == user_id


@dataclass(frozen=True)
class Part:
    """A part of a split, and the name of who took it; None while it is free."""

    number: int
    queue: Queue
    holder: str | None


@dataclass(frozen=True)
class Split:
    """A filter's outputs, dealt out to several people by `user`."""

    id: str
    user_id: int
    user: str
    title: str
    filter: Mapping[str, Any]
    created_at: datetime
    parts: Sequence[Part]

    def part_of(self, user_id: int) -> Part | None:
        """Return the part that this person took."""
        return next((part for part in self.parts if part.queue.holder_id == user_id), None)


def queue(s: Session, queue_id: str) -> Queue:
    """Return a queue. Raises NotInCatalogError if it no longer exists."""
    row = s.execute(_rows().where(ReviewQueue.id == queue_id)).first()
    found = None if row is None else _seen(s, _queue(*row))
    if found is None:
        raise NotInCatalogError("this review queue no longer exists; start a new one from the gallery")
    return found


def _seen(s: Session, of: Queue) -> Queue | None:
    """Return a queue with those of its outputs that the session sees; None if it sees none of several."""
    if viewer_of(s) is None or not of.output_ids:
        return of
    every = {first: (first, *of.stacks.get(first, ())) for first in (*of.output_ids, *of.hidden)}
    wanted = [one for stack in every.values() for one in stack]
    there = {one for part in chunks(wanted) for one in s.scalars(select(Output.id).where(Output.id.in_(part)))}
    left = {first: [one for one in stack if one in there] for first, stack in every.items()}
    places = [place for place, first in enumerate(of.output_ids) if left[first]]
    if not places:
        return None
    stacks = {stack[0]: stack[1:] for stack in left.values() if len(stack) > 1}
    hidden = [left[first][0] for first in of.hidden if left[first]]
    revisions = [of.revisions[place] for place in places] if of.revisions else of.revisions
    ids = [left[of.output_ids[place]][0] for place in places]
    return replace(of, output_ids=ids, revisions=revisions, stacks=stacks, hidden=hidden)


def queues_of(s: Session, user_id: int) -> list[Queue]:
    """List the queues that a person reviews, newest first: own ones, parts taken, and those opened by a link."""
    visited = select(QueueGuest.queue_id).where(QueueGuest.user_id == user_id, QueueGuest.queue_id == ReviewQueue.id)
    own = (ReviewQueue.user_id == user_id) & QueuePart.queue_id.is_(None)
    mine = or_(own, QueuePart.holder_id == user_id, ReviewQueue.shared & visited.exists())
    found = [_queue(*row) for row in s.execute(_rows().where(mine).order_by(ReviewQueue.created_at.desc()))]
    return [seen for one in found if (seen := _seen(s, one)) is not None]


def split(s: Session, split_id: str) -> Split:
    """Return a split with its parts. Raises NotInCatalogError if it does not exist."""
    gone = NotInCatalogError("this review was not split, or no longer exists; start a new one from the gallery")
    row = s.execute(select(QueueSplit, User.name).join(User).where(QueueSplit.id == split_id)).first()
    if row is None:
        raise gone
    of, user = row
    rows = select(ReviewQueue, QueuePart, User.name).join(QueuePart, QueuePart.queue_id == ReviewQueue.id)
    rows = rows.outerjoin(User, User.id == QueuePart.holder_id).where(QueuePart.split_id == split_id)
    found = s.execute(rows.order_by(QueuePart.number))
    every = [(part.number, _queue(queue, part), holder) for queue, part, holder in found]
    parts = [Part(number, seen, holder) for number, queue, holder in every if (seen := _seen(s, queue)) is not None]
    if every and not parts:
        raise gone
    return Split(of.id, of.user_id, user, of.title, of.filter, of.created_at, parts)


def splits_of(s: Session, user_id: int) -> list[tuple[str, str, datetime]]:
    """List id, title and time of the splits that a person made, newest first."""
    rows = select(QueueSplit.id, QueueSplit.title, QueueSplit.created_at).where(QueueSplit.user_id == user_id)
    return [(row.id, row.title, row.created_at) for row in s.execute(rows.order_by(QueueSplit.created_at.desc()))]


def _rows() -> Select[*tuple[Any, ...]]:
    return select(ReviewQueue, QueuePart).outerjoin(QueuePart, QueuePart.queue_id == ReviewQueue.id)


def _queue(row: ReviewQueue, part: QueuePart | None) -> Queue:
    split, holder = (None, None) if part is None else (part.split_id, part.holder_id)
    return Queue(
        id=row.id,
        user_id=row.user_id,
        title=row.title,
        filter=row.filter,
        output_ids=row.ids["ids"],
        revisions=row.ids["revisions"],
        created_at=row.created_at,
        shared=row.shared,
        split_id=split,
        holder_id=holder,
        stacks={first: others for first, *others in row.ids.get("stacks", ())},
        hidden=row.ids.get("hidden", ()),
        triage=row.ids.get("triage"),
    )
