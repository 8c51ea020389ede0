"""The history of a row, and the reviews of an output."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records
from storage.catalog.records import Decision
from storage.catalog.schema import LineageEvent, Review


@dataclass(frozen=True)
class Event:
    """An event; `actor` is the worker or person, `detail` the event's data."""

    event: str
    actor: str | None
    detail: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class ReviewView:
    """One decision on an output as it was at `revision`, showing the image `image_sha256`.

    `undoes`: the revision of the decision that this one takes back.
    """

    uuid: str
    revision: int
    image_sha256: str
    reviewer: str
    decision: Decision
    rating: int
    note: str
    created_at: datetime
    undoes: int | None = None


def history(s: Session, entity: str, entity_id: object) -> list[Event]:
    """List the events of a row, oldest first: entity "cell" by digest, "reference", "mask", "checkpoint" by id."""
    columns = (LineageEvent.event, LineageEvent.actor, LineageEvent.detail, LineageEvent.created_at)
    rows = select(*columns).where(LineageEvent.entity == entity, LineageEvent.entity_id == str(entity_id))
    return as_records(Event, s.execute(rows.order_by(LineageEvent.id)))


def reviews_of(s: Session, output_id: int) -> list[ReviewView]:
    """List the output's reviews, oldest first."""
    rows = s.scalars(select(Review).where(Review.output_id == output_id).order_by(Review.revision))
    names = [field.name for field in fields(ReviewView)]
    return [ReviewView(**{name: getattr(row, name) for name in names}) for row in rows]
