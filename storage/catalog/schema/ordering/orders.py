"""Presets of orders, and files that were uploaded for orders."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now


class OrderPreset(Base):
    """A spec that a person keeps under a name to order from; `shared`: others may order from it too."""

    __tablename__ = "order_presets"
    __table_args__ = (UniqueConstraint("user_id", "name"), Index(None, "shared"))
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    spec: Mapped[str]
    shared: Mapped[bool] = mapped_column(server_default=false(), default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class OrderFile(Base):
    """A file for orders, so that the collector spares it: a control image, a reference, a feed, or a large spec.

    `kind`: the kind of control image, "reference", "mask", "feed" or "spec"; `name`: what it was called; `person`: who
    sent it: one of those who did.
    """

    __tablename__ = "order_files"
    __table_args__ = (Index(None, "kind", "created_at"),)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
