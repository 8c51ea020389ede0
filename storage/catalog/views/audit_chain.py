"""Verifies the audit's chain of hashes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.audit_chain import START, content_hash, entry_hash
from storage.catalog.schema import AuditEvent

PART = 1000


@dataclass(frozen=True)
class AuditHead:
    """The last entry's number and hash, which stand for the whole audit; 0 and START without entries."""

    number: int
    sha256: str


@dataclass(frozen=True)
class ChainReport:
    """`entries`: how many were read; `redacted`: how many had contents that were forgotten since.

    `broken`: the first entry that is wrong, 0 for none; `why`: a sentence. `head`: the last entry, if none is broken.
    """

    entries: int
    redacted: int
    broken: int
    why: str
    head: AuditHead


def audit_head(s: Session) -> AuditHead:
    """Return the last entry. Whoever keeps it elsewhere can prove later that nothing before it was changed."""
    last = s.execute(select(AuditEvent.id, AuditEvent.sha256).order_by(AuditEvent.id.desc()).limit(1)).first()
    return AuditHead(0, START) if last is None else AuditHead(last.id, last.sha256)


def verify_audit(s: Session, anchor: AuditHead | None = None) -> ChainReport:
    """Compute every hash again. `anchor`: a head that was kept elsewhere; its entry must still have that hash.

    An entry without its salt was redacted: a later entry of a forgetting has to name it.
    """
    entries, redacted, forgotten, seen = 0, list[int](), set[int](), anchor is None or anchor.number == 0
    head = AuditHead(0, START)
    for one in _entries(s):
        why = _fault(one, head.sha256)
        if why is None and anchor is not None and one.id == anchor.number:
            seen, why = True, None if one.sha256 == anchor.sha256 else "its hash is not the one that was kept"
        if why is not None:
            return ChainReport(entries, len(redacted), one.id, why, head)
        if not one.salt:
            redacted.append(one.id)
        elif one.action == "forget":
            forgotten.update(one.after.get("redacted", ()))
        entries, head = entries + 1, AuditHead(one.id, one.sha256)
    unnamed = next((one for one in redacted if one not in forgotten), None)
    if unnamed is not None:
        why = "its contents were removed, and no forgetting says so"
        return ChainReport(entries, len(redacted), unnamed, why, head)
    if anchor is not None and not seen:
        return ChainReport(entries, len(redacted), anchor.number, "it was kept as the head, and is gone", head)
    return ChainReport(entries, len(redacted), 0, "", head)


def _entries(s: Session) -> Iterator[AuditEvent]:
    last = 0
    while True:
        part = s.scalars(select(AuditEvent).where(AuditEvent.id > last).order_by(AuditEvent.id).limit(PART)).all()
        yield from part
        if len(part) < PART:
            return
        last = part[-1].id
        s.expunge_all()


def _fault(one: AuditEvent, previous: str) -> str | None:
    if one.salt and content_hash(one.salt, one.before, one.after) != one.content_sha256:
        return "its contents were changed"
    expected = entry_hash(
        previous,
        actor=one.actor,
        action=one.action,
        entity=one.entity,
        entity_id=one.entity_id,
        at=one.created_at,
        content=one.content_sha256,
    )
    return None if expected == one.sha256 else "it was changed, or one before it was removed or put in"
