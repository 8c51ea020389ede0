"""Users, sessions, API tokens, one-time links, and the audit of changes.

Only digests of secrets are stored, so a copy of the catalog grants no access.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, true
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now, one_of
from storage.catalog.records import DECISIONS, ROLES, SCOPES, Decision, Role, Scope


class User(Base):
    """A person. `password` is an argon2 hash, None until one is set by a one-time link.

    `preferences`: how the person wants the dashboard to behave, by name; None: nothing was changed.
    """

    __tablename__ = "users"
    __table_args__ = (CheckConstraint(one_of("role", ROLES), name="role"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[Role] = mapped_column(String)
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default=true(), default=True)
    preferences: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Identity(Base):
    """The identity of a user at an OpenID provider: its issuer and the subject, which never changes."""

    __tablename__ = "identities"
    __table_args__ = (Index(None, "user_id"),)
    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class WebSession(Base):
    """A logged-in browser, identified by the SHA-256 of its cookie; it ends at `expires_at` at the latest."""

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"))
    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    agent: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class ApiToken(Base):
    """A program that acts for a user: with at most the role `scope`, or to read the metrics alone.

    `rights`: those of a token of the scope "api", of API_RIGHTS, separated by spaces; None for other scopes.
    """

    __tablename__ = "tokens"
    __table_args__ = (CheckConstraint(one_of("scope", SCOPES), name="scope"), Index(None, "user_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    token_sha256: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    scope: Mapped[Scope] = mapped_column(String)
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    rights: Mapped[str | None]


class OneTimeLink(Base):
    """A one-time link to set the user's password."""

    __tablename__ = "links"
    __table_args__ = (Index(None, "user_id"),)
    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class Throttle(Base):
    """Failed logins under one key, a user or an address, and until when further attempts are rejected."""

    __tablename__ = "throttles"
    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    blocked_until: Mapped[datetime]


class AuditEvent(Base):
    """Who changed what, and what it was before and after. Append-only, and chained; see storage.catalog.audit_chain.

    `sha256` is the entry's hash, over that of the entry before it and `content_sha256`, the salted hash of before and
    after. Without `salt` the contents were forgotten.
    """

    __tablename__ = "audit"
    __table_args__ = (Index(None, "actor", "id"), Index(None, "action", "id"), Index(None, "entity", "entity_id", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    actor: Mapped[str]
    action: Mapped[str]
    entity: Mapped[str]
    entity_id: Mapped[str]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    salt: Mapped[str] = mapped_column(server_default="")
    content_sha256: Mapped[str] = mapped_column(server_default="")
    sha256: Mapped[str] = mapped_column(server_default="")


class ReviewBatch(Base):
    """One bulk decision on everything that matched a filter; its reviews carry its id."""

    __tablename__ = "batches"
    __table_args__ = (CheckConstraint(one_of("decision", DECISIONS), name="decision"), Index(None, "created_at"))
    id: Mapped[str] = mapped_column(primary_key=True)
    reviewer: Mapped[str]
    decision: Mapped[Decision] = mapped_column(String)
    filter: Mapped[dict[str, Any]]
    changed: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)
    undone_at: Mapped[datetime | None]
