"""Users, and the owners of sessions, tokens and links."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.records import API_RIGHTS, PREFERENCES, ROLES, ApiRight, Role, Scope
from storage.catalog.schema import ApiToken, Identity, OneTimeLink, User, WebSession


@dataclass(frozen=True)
class UserView:
    """A user for display; `invited`: has no way to log in yet; `issuer`: the OpenID provider, if any."""

    id: int
    name: str
    role: Role
    active: bool
    invited: bool
    created_at: datetime
    issuer: str | None


@dataclass(frozen=True)
class SessionView:
    """A logged-in browser."""

    token_sha256: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class TokenView:
    """An API token without its secret. `rights`: those of a token of the scope "api"."""

    id: int
    user: str
    name: str
    scope: Scope
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime
    rights: tuple[ApiRight, ...] = ()


@dataclass(frozen=True)
class Principal:
    """The owner of a secret, their role, and when the secret was last used.

    `rights`: what the secret opens of /api/v1, within that role.
    """

    user_id: int
    name: str
    role: Role
    seen_at: datetime | None
    token_id: int | None = None
    rights: frozenset[ApiRight] = frozenset()


def users(s: Session) -> list[UserView]:
    """List all users by name."""
    issuer = select(func.min(Identity.issuer)).where(Identity.user_id == User.id).scalar_subquery()
    rows = s.execute(select(User, issuer).order_by(User.name))
    return [
        UserView(u.id, u.name, u.role, u.active, u.password is None and known is None, u.created_at, known)
        for u, known in rows
    ]


def password_of(s: Session, name: str) -> tuple[int, str] | None:
    """Return id and argon2 hash of the active user `name`; None if there is none or no password is set."""
    found = s.execute(select(User.id, User.password).where(User.name == name, User.active)).first()
    return None if found is None or found.password is None else (found.id, found.password)


def user_named(s: Session, name: str) -> tuple[int, str] | None:
    """Find a user by name, ignoring case; return id and stored name, or None."""
    found = s.execute(select(User.id, User.name).where(func.lower(User.name) == name.lower())).first()
    return None if found is None else (found.id, found.name)


def preferences(s: Session, user_id: int) -> dict[str, bool]:
    """Return a person's preferences; those that were not changed have their defaults."""
    chosen = s.scalar(select(User.preferences).where(User.id == user_id)) or {}
    return {name: bool(chosen.get(name, default)) for name, default in PREFERENCES.items()}


def has_password(s: Session, user_id: int) -> bool:
    """Return whether the user has a password; users of single sign-on alone have none."""
    return s.scalar(select(User.password.is_not(None)).where(User.id == user_id)) or False


def session_of(s: Session, token_sha256: str, *, idle: timedelta) -> Principal | None:
    """Return the owner of a session, unless it has expired or was idle for longer than `idle`."""
    chosen = select(User.id.label("user_id"), User.name, User.role, WebSession.seen_at).join(
        User, User.id == WebSession.user_id
    )
    chosen = chosen.where(WebSession.token_sha256 == token_sha256, User.active, WebSession.expires_at > now())
    found = s.execute(chosen.where(WebSession.seen_at > now() - idle)).first()
    return None if found is None else Principal(**found._mapping)


def token_of(s: Session, token_sha256: str) -> tuple[Principal, Scope] | None:
    """Return the owner and scope of an API token."""
    about = (User.id.label("user_id"), User.name, User.role, ApiToken.used_at.label("seen_at"))
    chosen = select(*about, ApiToken.id.label("token_id"), ApiToken.scope, ApiToken.rights)
    chosen = chosen.join(User, User.id == ApiToken.user_id).where(ApiToken.token_sha256 == token_sha256, User.active)
    found = s.execute(chosen.where(ApiToken.expires_at > now())).first()
    if found is None:
        return None
    known = dict(found._mapping)
    scope: Scope = known.pop("scope")
    return Principal(**known | {"rights": _rights(scope, known["rights"], known["role"])}), scope


def _rights(scope: Scope, rights: str | None, role: Role) -> frozenset[ApiRight]:
    """Return what a token opens of /api/v1: of a role, all that the role may do; never beyond its owner's role."""
    if scope == "metrics":
        return frozenset({"metrics"})
    most = role if scope == "api" else min(scope, role, key=ROLES.index)
    within = {right for right, needed in API_RIGHTS.items() if ROLES.index(needed) <= ROLES.index(most)}
    return frozenset(within & set((rights or "").split()) if scope == "api" else within)


def link_of(s: Session, token_sha256: str) -> str | None:
    """Return the name of the user of a one-time link while it is valid."""
    chosen = select(User.name).join(OneTimeLink, OneTimeLink.user_id == User.id)
    chosen = chosen.where(OneTimeLink.token_sha256 == token_sha256, OneTimeLink.expires_at > now())
    return s.scalar(chosen.where(User.active))


def sessions_of(s: Session, user_id: int) -> list[SessionView]:
    """List the user's sessions, most recently used first."""
    rows = s.scalars(select(WebSession).where(WebSession.user_id == user_id).order_by(WebSession.seen_at.desc()))
    return [SessionView(r.token_sha256, r.agent, r.created_at, r.seen_at, r.expires_at) for r in rows]


def tokens(s: Session, user_id: int | None = None) -> list[TokenView]:
    """List API tokens of one user or of all, newest first."""
    chosen = select(ApiToken, User.name).join(User, User.id == ApiToken.user_id).order_by(ApiToken.id.desc())
    if user_id is not None:
        chosen = chosen.where(ApiToken.user_id == user_id)
    return [
        TokenView(
            id=t.id,
            user=name,
            name=t.name,
            scope=t.scope,
            created_at=t.created_at,
            used_at=t.used_at,
            expires_at=t.expires_at,
            rights=tuple(one for one in API_RIGHTS if one in (t.rights or "").split()),
        )
        for t, name in s.execute(chosen)
    ]
