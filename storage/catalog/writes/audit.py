"""The audit: who changed what, written in the transaction that changes it, chained by hashes."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import event, func, insert, select
from sqlalchemy.orm import Session

from storage.catalog.audit_chain import START, content_hash, entry_hash, new_salt
from storage.catalog.database.base import now
from storage.catalog.schema import AuditEvent
from storage.redaction import redact_values

_WAITING = "audit entries"
_LOCK = 0x6175646974  # an arbitrary advisory lock id


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
    """Record that `actor` did `action` to a row, with JSON values `before` and `after` (URLs are redacted).

    The entry is written as the last thing of the transaction: writers of the chain wait for each other, and so wait
    only for a moment, holding all other locks they need.
    """
    if _WAITING not in s.info:
        s.info[_WAITING] = []
        event.listen(s, "before_commit", _append)
        event.listen(s, "after_rollback", _discard)
    entry = {"actor": actor, "action": action, "entity": entity, "entity_id": str(entity_id)}
    s.info[_WAITING].append(entry | {"before": redact_values(before or {}), "after": redact_values(after or {})})


def _append(s: Session) -> None:
    waiting: list[dict[str, Any]] = s.info[_WAITING]
    if not waiting:
        return
    if s.get_bind().dialect.name == "postgresql":
        s.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    last = s.execute(select(AuditEvent.sha256).order_by(AuditEvent.id.desc()).limit(1)).first()
    previous = START if last is None else last.sha256
    for entry in waiting:
        at, salt = now(), new_salt()
        content = content_hash(salt, entry["before"], entry["after"])
        named = {name: entry[name] for name in ("actor", "action", "entity", "entity_id")}
        previous = entry_hash(previous, at=at, content=content, **named)
        chained = {"created_at": at, "salt": salt, "content_sha256": content, "sha256": previous}
        s.execute(insert(AuditEvent).values(entry | chained))
    waiting.clear()


def _discard(s: Session) -> None:
    s.info[_WAITING].clear()
