"""Who is there: users, and whom a session, a token or a link belongs to."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.records import Role
from storage.catalog.schema import ApiToken, Identity, OneTimeLink, User, WebSession


@dataclass(frozen=True)
class UserView:
    """A person as the users page shows them; `invited`: nothing lets them in yet; `issuer`: who knows them, if any."""

    id: int
    name: str
    role: Role
    active: bool
    invited: bool
    created_at: datetime
    issuer: str | None


@dataclass(frozen=True)
class SessionView:
    """A browser that is logged in."""

    token_sha256: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class TokenView:
    """An API token without its secret."""

    id: int
    user: str
    name: str
    scope: Role
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True)
class Principal:
    """Whom a secret belongs to, what they may do, and when it was last seen."""

    user_id: int
    name: str
    role: Role
    seen_at: datetime | None
    token_id: int | None = None


def users(s: Session) -> list[UserView]:
    """Everybody, by name."""
    issuer = select(func.min(Identity.issuer)).where(Identity.user_id == User.id).scalar_subquery()
    rows = s.execute(select(User, issuer).order_by(User.name))
    return [
        UserView(u.id, u.name, u.role, u.active, u.password is None and known is None, u.created_at, known)
        for u, known in rows
    ]


def password_of(s: Session, name: str) -> tuple[int, str] | None:
    """Id and argon2 hash of the active user `name`; None if there is none or no password is set."""
    found = s.execute(select(User.id, User.password).where(User.name == name, User.active)).first()
    return None if found is None or found.password is None else (found.id, found.password)


def user_named(s: Session, name: str) -> tuple[int, str] | None:
    """Id and name, as it is written in the catalog, of whoever is called `name` in whatever case; None if nobody is."""
    found = s.execute(select(User.id, User.name).where(func.lower(User.name) == name.lower())).first()
    return None if found is None else (found.id, found.name)


def has_password(s: Session, user_id: int) -> bool:
    """Whether the user has set a password; who comes in by an OpenID provider alone has none."""
    return s.scalar(select(User.password.is_not(None)).where(User.id == user_id)) or False


def session_of(s: Session, token_sha256: str, *, idle: timedelta) -> Principal | None:
    """Whose session it is, unless it has run out or was not used for as long as `idle`."""
    chosen = select(User.id.label("user_id"), User.name, User.role, WebSession.seen_at).join(
        User, User.id == WebSession.user_id
    )
    chosen = chosen.where(WebSession.token_sha256 == token_sha256, User.active, WebSession.expires_at > now())
    found = s.execute(chosen.where(WebSession.seen_at > now() - idle)).first()
    return None if found is None else Principal(**found._mapping)


def token_of(s: Session, token_sha256: str) -> tuple[Principal, Role] | None:
    """Whose API token it is, and the most that it may be used for."""
    about = (User.id.label("user_id"), User.name, User.role, ApiToken.used_at.label("seen_at"))
    chosen = select(*about, ApiToken.id.label("token_id"), ApiToken.scope)
    chosen = chosen.join(User, User.id == ApiToken.user_id).where(ApiToken.token_sha256 == token_sha256, User.active)
    found = s.execute(chosen.where(ApiToken.expires_at > now())).first()
    if found is None:
        return None
    known = dict(found._mapping)
    scope: Role = known.pop("scope")
    return Principal(**known), scope


def link_of(s: Session, token_sha256: str) -> str | None:
    """The name of the user whom a one-time link is for, while it is good."""
    chosen = select(User.name).join(OneTimeLink, OneTimeLink.user_id == User.id)
    chosen = chosen.where(OneTimeLink.token_sha256 == token_sha256, OneTimeLink.expires_at > now())
    return s.scalar(chosen.where(User.active))


def sessions_of(s: Session, user_id: int) -> list[SessionView]:
    """The user's sessions, the one used last first."""
    rows = s.scalars(select(WebSession).where(WebSession.user_id == user_id).order_by(WebSession.seen_at.desc()))
    return [SessionView(r.token_sha256, r.agent, r.created_at, r.seen_at, r.expires_at) for r in rows]


def tokens(s: Session, user_id: int | None = None) -> list[TokenView]:
    """API tokens of one user or of all, newest first."""
    chosen = select(ApiToken, User.name).join(User, User.id == ApiToken.user_id).order_by(ApiToken.id.desc())
    if user_id is not None:
        chosen = chosen.where(ApiToken.user_id == user_id)
    return [
        TokenView(t.id, name, t.name, t.scope, t.created_at, t.used_at, t.expires_at) for t, name in s.execute(chosen)
    ]
