"""The history of the catalog's rows, one line for each thing that happened to one."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from storage.catalog.schema import LineageEvent
from storage.redaction import redact_values


def record_event(
    s: Session, entity: str, entity_id: object, event: str, *, actor: str | None = None, **detail: Any
) -> None:
    """Say that `event` happened to a row: `entity` is what the row is ("cell", "mask", ...), `detail` JSON values.

    Cells are named by their digest, runs by their id, all others by their number. Events are never changed.
    """
    record_events(s, entity, [entity_id], event, actor=actor, **detail)


def record_events(
    s: Session, entity: str, entity_ids: Iterable[object], event: str, *, actor: str | None = None, **detail: Any
) -> None:
    """The same of several rows."""
    rows = [
        {"entity": entity, "entity_id": str(one), "event": event, "actor": actor, "detail": redact_values(detail)}
        for one in entity_ids
    ]
    if rows:
        s.execute(insert(LineageEvent), rows)
