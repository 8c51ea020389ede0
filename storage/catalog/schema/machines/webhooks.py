"""Webhooks: addresses, the events that they are told, and each delivery as it stands."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now, one_of
from storage.catalog.records import DELIVERY_STATES, WEBHOOK_EVENTS, DeliveryState, WebhookEvent


class Webhook(Base):
    """An address that is told of events of runs.

    `events`: those wanted, separated by spaces. `secret` signs, and until `old_until` `old_secret` too: a signature
    needs the secret itself, so both are stored as they are; they open nothing here. `failures` counts failed attempts
    since the last success; `reason` says why it is not `active`.
    """

    __tablename__ = "webhooks"
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    url: Mapped[str]
    events: Mapped[str]
    secret: Mapped[str]
    old_secret: Mapped[str | None]
    old_until: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(server_default=true(), default=True)
    reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default="0", default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class RunEvent(Base):
    """Something that became true of a run: at most once per run and kind. `data` is what is told of it."""

    __tablename__ = "run_events"
    __table_args__ = (
        UniqueConstraint("run_id", "kind"),
        CheckConstraint(one_of("kind", WEBHOOK_EVENTS), name="kind"),
    )
    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str]
    kind: Mapped[WebhookEvent] = mapped_column(String)
    data: Mapped[dict[str, Any]]
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Delivery(Base):
    """One event for one webhook. Until `leased_until` a process is sending it; `status` is the last HTTP status."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        CheckConstraint(one_of("state", DELIVERY_STATES), name="state"),
        Index(None, "state", "next_at"),
        Index(None, "webhook_id", "id"),
        Index(None, "webhook_id", "state", "id"),
        Index(None, "event_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id"))
    event_id: Mapped[str] = mapped_column(ForeignKey("run_events.id"))
    state: Mapped[DeliveryState] = mapped_column(String)
    attempts: Mapped[int] = mapped_column(server_default="0", default=0)
    next_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    status: Mapped[int | None]
    error: Mapped[str | None]
    delivered_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class EventMark(Base):
    """How far runs and reviews were looked through for events: runs by their end, reviews by their id. One row."""

    __tablename__ = "event_marks"
    id: Mapped[int] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime]
    review_id: Mapped[int]
