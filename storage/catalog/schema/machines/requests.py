"""What programs sent: requests under an idempotency key, uploads, and exports."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now

NOT_BEGUN = "closed_at IS NULL"


class KeyedRequest(Base):
    """A request under a user's idempotency key, with its answer once there is one.

    `request_sha256` covers method, address and body. Until `leased_until` a process works on it; after that, without an
    answer, that process has died. `body` is the answer's text.
    """

    __tablename__ = "keyed_requests"
    __table_args__ = (Index(None, "expires_at"),)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[str]
    leased_until: Mapped[datetime]
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class Order(Base):
    """A run that a program ordered, by its id in the orchestrator. `closed_at`: it began, or ended without doing so."""

    __tablename__ = "orders"
    __table_args__ = (Index(None, "created_at", sqlite_where=text(NOT_BEGUN), postgresql_where=text(NOT_BEGUN)),)
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None]


class Upload(Base):
    """An image that a user's program uploaded, for a subject.

    No foreign key: bytes that no subject uses are collected as garbage after `expires_at`.
    """

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("user_id", "sha256"), Index(None, "user_id", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    sha256: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class Export(Base):
    """A frozen choice of approved outputs, which can be fetched until `expires_at`. `outputs` holds their ids."""

    __tablename__ = "exports"
    __table_args__ = (Index(None, "user_id", "number"),)
    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    filter: Mapped[dict[str, Any]]
    options: Mapped[dict[str, Any]]
    outputs: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
