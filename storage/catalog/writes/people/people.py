"""Users, their passwords and the one-time links that set these. Secrets are passed as digests, passwords as hashes."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.records import CatalogError, NotInCatalogError, Role, check_role
from storage.catalog.schema import ApiToken, OneTimeLink, User, WebSession
from storage.catalog.writes.audit import record_audit
from storage.catalog.writes.people.tokens import MAX_NAME, narrow_tokens


def add_user(s: Session, *, name: str, role: Role, actor: str) -> int:
    """Add the user `name`, without a password, and return its id. Raises CatalogError for a taken or invalid name."""
    if not name or len(name) > MAX_NAME or not name.isprintable() or name != name.strip():
        raise CatalogError(f"name {name[:MAX_NAME]!r}: use 1 to {MAX_NAME} printable characters without spaces around")
    check_role(role)
    if s.scalar(select(User.id).where(func.lower(User.name) == name.lower())) is not None:
        raise CatalogError(f"name {name!r} is taken; choose another")
    user = User(name=name, role=role)
    s.add(user)
    s.flush()
    record_audit(s, actor=actor, action="add user", entity="user", entity_id=name, after={"role": role})
    return user.id


def change_user(s: Session, user_id: int, *, actor: str, role: Role | None = None, active: bool | None = None) -> None:
    """Change a user's role, disable the account (`active` False) or re-enable it.

    A disabled account loses its sessions, API tokens and one-time links for good: none of them works again later. A
    lower role narrows the tokens for good, too. CatalogError if no active admin with a password would be left.
    """
    user = _user(s, user_id)
    before = {"role": user.role, "active": user.active}
    ended: dict[str, int] = {}
    if role is not None and role != user.role:
        check_role(role)
        narrow_tokens(s, user_id, user.role)  # earlier versions did not narrow tokens when they were created
        narrow_tokens(s, user_id, role)
        user.role = role
    if active is not None and active != user.active:
        user.active = active
        ended = _end_all(s, user_id)  # also when re-enabled: earlier versions left tokens behind
    s.flush()
    left = select(func.count()).select_from(User)
    if not s.scalar(left.where(User.role == "admin", User.active, User.password.is_not(None))):
        raise CatalogError(f"user {user.name!r} is the last admin; create another one first")
    after = {"role": user.role, "active": user.active, **ended}
    record_audit(s, actor=actor, action="change user", entity="user", entity_id=user.name, before=before, after=after)


def _end_all(s: Session, user_id: int) -> dict[str, int]:
    """Revoke the user's sessions, tokens and links; return the non-zero counts by name."""
    kinds: dict[str, Any] = {"sessions": WebSession, "tokens": ApiToken, "links": OneTimeLink}
    ended: dict[str, int] = {}
    for name, kind in kinds.items():
        gone = s.scalars(delete(kind).where(kind.user_id == user_id).returning(kind.user_id)).all()
        ended |= {name: len(gone)} if gone else {}
    return ended


def add_link(s: Session, *, user_id: int, token_sha256: str, expires_at: datetime, actor: str) -> None:
    """Add a one-time link that sets the user's password, and revoke earlier ones.

    Raises CatalogError for a disabled account.
    """
    user = _user(s, user_id)
    if not user.active:
        raise CatalogError(f"user {user.name!r} is disabled; re-enable the account first, then create a link")
    s.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user_id))
    s.add(OneTimeLink(token_sha256=token_sha256, user_id=user_id, expires_at=expires_at))
    s.flush()
    record_audit(s, actor=actor, action="make link", entity="user", entity_id=user.name)


def use_link(s: Session, *, token_sha256: str, password: str) -> int:
    """Set the password (an argon2 hash) of the link's user, and end the link and the user's sessions."""
    link = s.scalar(select(OneTimeLink).where(OneTimeLink.token_sha256 == token_sha256).with_for_update())
    user = None if link is None or link.expires_at <= now() else _user(s, link.user_id)
    if user is None or not user.active:
        raise NotInCatalogError("this link has been used or has expired; ask an admin for a new one")
    _set_password(s, user, password, action="set password")
    return user.id


def change_password(s: Session, user_id: int, password: str) -> None:
    """Replace the password (an argon2 hash) at the user's request, and end all sessions and one-time links."""
    _set_password(s, _user(s, user_id), password, action="change password")


def _set_password(s: Session, user: User, password: str, *, action: str) -> None:
    user.password = password
    s.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user.id))
    s.execute(delete(WebSession).where(WebSession.user_id == user.id))
    s.flush()
    record_audit(s, actor=user.name, action=action, entity="user", entity_id=user.name)


def rehash_password(s: Session, user_id: int, password: str) -> None:
    """Replace the hash of the same password by one with newer parameters."""
    s.execute(update(User).where(User.id == user_id).values(password=password))


def _user(s: Session, user_id: int) -> User:
    user = s.get(User, user_id)
    if user is None:
        raise NotInCatalogError(f"user {user_id} is not in the catalog; the users page lists them")
    return user
