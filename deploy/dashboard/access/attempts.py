"""Password attempts: throttled by client address; failures are recorded in the audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from deploy.dashboard.resources import Resources
from deploy.dashboard.security.address import throttle_key
from deploy.dashboard.security.passwords import hash_password, outdated, verify
from storage.catalog import views, writes
from storage.catalog.database.base import now

UNKNOWN = "(unknown name)"
"""Recorded in the audit for an unknown name: people mistype their password there, so it is not stored."""


@dataclass(frozen=True)
class Attempt:
    """Result: `user_id` on success, else None; `wait` in seconds if throttled, 0 after a wrong password."""

    user_id: int | None
    wait: float = 0.0


EVERY = timedelta(minutes=1)
"""Interval between audit entries of a throttled address, so that it cannot flood the audit."""


def try_password(known: Resources, *, name: str, password: str, address: str, action: str = "log in") -> Attempt:
    """Check the password of the user `name`.

    Failures are counted per address, and per user and address, so that nobody elsewhere can lock the user out. Both are
    counted for unknown names too, so that the response takes equally long.
    """
    with known.catalog.write() as s:
        someone = views.user_named(s, name)
        user_id, called = someone or (0, UNKNOWN)
        keys = [throttle_key(address), f"user:{user_id}@{throttle_key(address)}"]
        wait = writes.admit(s, keys)
        found = views.password_of(s, name)
        if wait > 0:
            _record_throttled(s, address or "this machine", called, action, wait)
    if wait > 0:
        return Attempt(None, wait)
    right = verify(password, None if found is None else found[1])
    with known.catalog.write() as s:
        if not right or found is None:
            why = "wrong password" if found is not None else "no password, or disabled"
            after = {"address": address, "why": "unknown name" if someone is None else why}
            who = address or "this machine"
            writes.record_audit(s, actor=who, action=f"failed {action}", entity="user", entity_id=called, after=after)
            return Attempt(None)
        writes.forgive(s, keys)
        if outdated(found[1]):
            writes.rehash_password(s, found[0], hash_password(password))
    return Attempt(found[0])


def _record_throttled(s: Session, who: str, called: str, action: str, wait: float) -> None:
    """Record a throttled attempt in the audit, at most once per EVERY and address."""
    throttled = f"throttled {action}"
    if any(now() - row.created_at < EVERY for row in views.audit_page(s, actor=who, action=throttled, limit=1).rows):
        return
    after = {"address": who, "why": "too many failed logins", "wait_s": round(wait)}
    writes.record_audit(s, actor=who, action=throttled, entity="user", entity_id=called, after=after)
