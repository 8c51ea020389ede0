"""Links by which a client sees pictures without an account."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now


class ClientLink(Base):
    """A read-only link to a fixed selection of outputs, of which those that are approved are shown.

    `token_sha256` is the digest of its secret, `password` an argon2 hash or None. `outputs`: {"ids": [...]}, in their
    order. `mark`: the text over the previews. `project_id` as of a run. `opened`: how often its page was opened.
    """

    __tablename__ = "client_links"
    __table_args__ = (Index(None, "created_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    token_sha256: Mapped[str] = mapped_column(unique=True)
    project_id: Mapped[int | None]
    title: Mapped[str]
    mark: Mapped[str]
    outputs: Mapped[dict[str, Any]]
    password: Mapped[str | None]
    creator: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    opened: Mapped[int]
    opened_at: Mapped[datetime | None]
