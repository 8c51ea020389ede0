"""The audit, newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.schema import AuditEvent, ReviewBatch
from storage.catalog.views.pages import Page, place, place_of
from storage.redaction import redact_values


@dataclass(frozen=True)
class AuditRow:
    """An entry of the audit."""

    id: int
    actor: str
    action: str
    entity: str
    entity_id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class BatchView:
    """A bulk decision."""

    id: str
    reviewer: str
    decision: str
    filter: Mapping[str, Any]
    changed: int
    created_at: datetime
    undone_at: datetime | None


def audit_page(
    s: Session,
    *,
    actor: str | None = None,
    action: str | None = None,
    entity: str | None = None,
    entity_id: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page[AuditRow]:
    """List audit entries, filtered by person, action or row; `entity_id` requires `entity`."""
    chosen = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    filters = ((AuditEvent.actor, actor), (AuditEvent.action, action), (AuditEvent.entity, entity))
    for column, value in (*filters, (AuditEvent.entity_id, entity_id)):
        if value is not None:
            chosen = chosen.where(column == value)
    if after is not None:
        chosen = chosen.where(AuditEvent.id < place_of(after, 1)[0])
    rows = [
        AuditRow(
            r.id,
            r.actor,
            r.action,
            r.entity,
            r.entity_id,
            redact_values(r.before),
            redact_values(r.after),
            r.created_at,
        )
        for r in s.scalars(chosen)
    ]
    return Page(rows, place([rows[-1].id]) if len(rows) == limit else None)


def batches(s: Session, limit: int = 20) -> list[BatchView]:
    """List the latest bulk decisions, newest first."""
    rows = s.scalars(select(ReviewBatch).order_by(ReviewBatch.created_at.desc()).limit(limit))
    return [BatchView(r.id, r.reviewer, r.decision, r.filter, r.changed, r.created_at, r.undone_at) for r in rows]
