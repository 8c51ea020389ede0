"""Users, and the secrets by which they are known. Secrets come in as digests, passwords as hashes."""

from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from storage.catalog.base import now
from storage.catalog.records import ROLES, CatalogError, NotInCatalog, Role
from storage.catalog.schema import ApiToken, OneTimeLink, User, WebSession
from storage.catalog.writes.audit import record_audit

MAX_NAME = 64


def add_user(s: Session, *, name: str, role: Role, actor: str) -> int:
    """The id of the new user `name`, who has no password yet. CatalogError if the name is taken or unusable."""
    if not name or len(name) > MAX_NAME or not name.isprintable() or name != name.strip():
        raise CatalogError(f"name {name[:MAX_NAME]!r}: use 1 to {MAX_NAME} printable characters without spaces around")
    _check_role(role)
    if s.scalar(select(User.id).where(func.lower(User.name) == name.lower())) is not None:
        raise CatalogError(f"name {name!r} is taken; choose another")
    user = User(name=name, role=role)
    s.add(user)
    s.flush()
    record_audit(s, actor=actor, action="add user", entity="user", entity_id=name, after={"role": role})
    return user.id


def change_user(s: Session, user_id: int, *, actor: str, role: Role | None = None, active: bool | None = None) -> None:
    """Give a user another role, or shut them out (`active` False) and end their sessions.

    CatalogError if no active admin with a password would be left.
    """
    user = _user(s, user_id)
    before = {"role": user.role, "active": user.active}
    if role is not None:
        _check_role(role)
        user.role = role
    if active is not None:
        user.active = active
        if not active:
            s.execute(delete(WebSession).where(WebSession.user_id == user_id))
    s.flush()
    left = select(func.count()).select_from(User)
    if not s.scalar(left.where(User.role == "admin", User.active, User.password.is_not(None))):
        raise CatalogError(f"user {user.name!r} is the last admin; make another one first")
    after = {"role": user.role, "active": user.active}
    record_audit(s, actor=actor, action="change user", entity="user", entity_id=user.name, before=before, after=after)


def add_link(s: Session, *, user_id: int, token_sha256: str, expires_at: datetime, actor: str) -> None:
    """Let the holder of the token set the user's password; earlier links of the user end."""
    user = _user(s, user_id)
    s.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user_id))
    s.add(OneTimeLink(token_sha256=token_sha256, user_id=user_id, expires_at=expires_at))
    s.flush()
    record_audit(s, actor=actor, action="make link", entity="user", entity_id=user.name)


def use_link(s: Session, *, token_sha256: str, password: str) -> int:
    """Set the password (an argon2 hash) of the user whom the link is for, and end the link and the user's sessions."""
    link = s.scalar(select(OneTimeLink).where(OneTimeLink.token_sha256 == token_sha256).with_for_update())
    if link is None or link.expires_at <= now():
        raise NotInCatalog("this link was used or has run out; ask an admin for a new one")
    user = _user(s, link.user_id)
    user.password = password
    s.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user.id))
    s.execute(delete(WebSession).where(WebSession.user_id == user.id))
    s.flush()
    record_audit(s, actor=user.name, action="set password", entity="user", entity_id=user.name)
    return user.id


def rehash_password(s: Session, user_id: int, password: str) -> None:
    """Replace the hash of the same password by one with newer parameters."""
    s.execute(update(User).where(User.id == user_id).values(password=password))


def add_session(s: Session, *, user_id: int, token_sha256: str, agent: str, expires_at: datetime) -> None:
    """A browser has logged in."""
    user = _user(s, user_id)
    s.execute(delete(WebSession).where(WebSession.expires_at <= now()))
    s.add(WebSession(token_sha256=token_sha256, user_id=user_id, agent=agent[:200], expires_at=expires_at))
    s.flush()
    record_audit(s, actor=user.name, action="log in", entity="user", entity_id=user.name)


def touch_session(s: Session, token_sha256: str) -> None:
    """The session is in use."""
    s.execute(update(WebSession).where(WebSession.token_sha256 == token_sha256).values(seen_at=now()))


def end_sessions(s: Session, *, user_id: int, actor: str, token_sha256: str | None = None) -> int:
    """Log the user out of one session or of all; how many ended."""
    chosen = delete(WebSession).where(WebSession.user_id == user_id)
    if token_sha256 is not None:
        chosen = chosen.where(WebSession.token_sha256 == token_sha256)
    ended = len(s.scalars(chosen.returning(WebSession.token_sha256)).all())
    if ended:
        name = _user(s, user_id).name
        record_audit(s, actor=actor, action="log out", entity="user", entity_id=name, after={"sessions": ended})
    return ended


def add_token(
    s: Session, *, user_id: int, token_sha256: str, name: str, scope: Role, expires_at: datetime, actor: str
) -> int:
    """The id of a new API token of the user."""
    _check_role(scope)
    if not name.strip() or len(name) > MAX_NAME:
        raise CatalogError(f"name of the token: use 1 to {MAX_NAME} characters that say what it is for")
    token = ApiToken(user_id=user_id, token_sha256=token_sha256, name=name.strip(), scope=scope, expires_at=expires_at)
    s.add(token)
    s.flush()
    after = {"name": token.name, "scope": scope, "expires_at": expires_at.isoformat()}
    record_audit(s, actor=actor, action="add token", entity="token", entity_id=token.id, after=after)
    return token.id


def touch_token(s: Session, token_id: int) -> None:
    """The token is in use."""
    s.execute(update(ApiToken).where(ApiToken.id == token_id).values(used_at=now()))


def revoke_token(s: Session, token_id: int, *, actor: str, user_id: int | None = None) -> None:
    """End a token; with `user_id` only if it is that user's."""
    chosen = delete(ApiToken).where(ApiToken.id == token_id)
    if user_id is not None:
        chosen = chosen.where(ApiToken.user_id == user_id)
    gone = s.scalars(chosen.returning(ApiToken.name)).first()
    if gone is not None:
        record_audit(s, actor=actor, action="revoke token", entity="token", entity_id=token_id, before={"name": gone})


def _user(s: Session, user_id: int) -> User:
    user = s.get(User, user_id)
    if user is None:
        raise NotInCatalog(f"user {user_id} is not in the catalog; the users page lists them")
    return user


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise CatalogError(f"role {role!r} is not known; use one of {', '.join(ROLES)}")
