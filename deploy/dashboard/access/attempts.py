"""Passwords that are tried: throttled by where they come from, and recorded when they are wrong."""

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
"""What the audit says of a name that nobody has: people type their password there, so it is not kept."""


@dataclass(frozen=True)
class Attempt:
    """How a try ended: `user_id` of who is let in, or None; then `wait` says for how many seconds to wait, 0: wrong."""

    user_id: int | None
    wait: float = 0.0


EVERY = timedelta(minutes=1)
"""So often an address is recorded that does not wait: each try would fill the audit, and costs it nothing."""


def try_password(known: Resources, *, name: str, password: str, address: str, action: str = "log in") -> Attempt:
    """Compare the password of whoever is called `name`, slowly.

    Failures are counted by address, and by person and address: nobody elsewhere can make the right person wait. Both
    counts are kept for names that nobody has, too, so that an answer takes equally long.
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
    """Record that a try was refused without a look at its password, at most once in EVERY for an address."""
    throttled = f"throttled {action}"
    if any(now() - row.created_at < EVERY for row in views.audit_page(s, actor=who, action=throttled, limit=1).rows):
        return
    after = {"address": who, "why": "too many failed logins", "wait_s": round(wait)}
    writes.record_audit(s, actor=who, action=throttled, entity="user", entity_id=called, after=after)
