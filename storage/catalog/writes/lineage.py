"""The history of the catalog's rows, one record per event."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from storage.catalog.schema import LineageEvent
from storage.redaction import redact_values


def record_event(
    s: Session, entity: str, entity_id: object, event: str, *, actor: str | None = None, **detail: Any
) -> None:
    """Record that `event` happened to a row: `entity` is what the row is ("cell", "mask", ...), `detail` JSON values.

    Cells are identified by digest, runs by id, all others by number. Events are never changed.
    """
    record_events(s, entity, [entity_id], event, actor=actor, **detail)


def record_events(
    s: Session, entity: str, entity_ids: Iterable[object], event: str, *, actor: str | None = None, **detail: Any
) -> None:
    """Record the same event for several rows."""
    rows = [
        {"entity": entity, "entity_id": str(one), "event": event, "actor": actor, "detail": redact_values(detail)}
        for one in entity_ids
    ]
    if rows:
        s.execute(insert(LineageEvent), rows)
