"""The audit: who changed what, written in the transaction that changes it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from storage.catalog.schema import AuditEvent
from storage.redaction import redact_values


def record_audit(
    s: Session,
    *,
    actor: str,
    action: str,
    entity: str,
    entity_id: object,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record that `actor` did `action` to a row, with JSON values `before` and `after` (URLs are redacted)."""
    row = {"actor": actor, "action": action, "entity": entity, "entity_id": str(entity_id)}
    s.execute(
        insert(AuditEvent).values(row | {"before": redact_values(before or {}), "after": redact_values(after or {})})
    )
