"""Sessions of logged-in browsers, identified by the digest of their cookie."""

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.records import AccountDisabledError
from storage.catalog.schema import User, WebSession
from storage.catalog.writes.audit import record_audit


def add_session(
    s: Session, *, user_id: int, token_sha256: str, agent: str, expires_at: datetime, address: str = ""
) -> None:
    """Start the session of a browser at `address`. Raises AccountDisabledError for a disabled account."""
    user = s.get_one(User, user_id)
    if not user.active:
        raise AccountDisabledError(user.name)
    s.execute(delete(WebSession).where(WebSession.expires_at <= now()))
    s.add(WebSession(token_sha256=token_sha256, user_id=user_id, agent=agent[:200], expires_at=expires_at))
    s.flush()
    after = {"address": address} if address else {}
    record_audit(s, actor=user.name, action="log in", entity="user", entity_id=user.name, after=after)


def touch_session(s: Session, token_sha256: str) -> None:
    """Record that the session was used."""
    s.execute(update(WebSession).where(WebSession.token_sha256 == token_sha256).values(seen_at=now()))


def end_sessions(s: Session, *, user_id: int, actor: str, token_sha256: str | None = None) -> int:
    """End one session of the user or all; return how many ended."""
    chosen = delete(WebSession).where(WebSession.user_id == user_id)
    if token_sha256 is not None:
        chosen = chosen.where(WebSession.token_sha256 == token_sha256)
    ended = len(s.scalars(chosen.returning(WebSession.token_sha256)).all())
    if ended:
        name = str(s.scalar(select(User.name).where(User.id == user_id)))
        record_audit(s, actor=actor, action="log out", entity="user", entity_id=name, after={"sessions": ended})
    return ended
