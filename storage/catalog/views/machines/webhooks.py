"""Webhooks and their deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records
from storage.catalog.records import WEBHOOK_EVENTS, DeliveryState, NotInCatalogError, WebhookEvent
from storage.catalog.schema import Delivery, RunEvent, User, Webhook
from storage.catalog.views.machines.cursor import cursor, values_of
from storage.catalog.views.pages import Page


@dataclass(frozen=True)
class WebhookView:
    """A webhook without its secret. `failures`: failed attempts since the last success; `reason`: why not `active`."""

    id: str
    user: str
    url: str
    events: tuple[WebhookEvent, ...]
    active: bool
    reason: str | None
    failures: int
    created_at: datetime


@dataclass(frozen=True)
class DeliveryView:
    """A delivery. `event_id` is the webhook-id of its requests; `error`: why the last attempt failed."""

    id: int
    webhook_id: str
    event_id: str
    kind: WebhookEvent
    run_id: str
    state: DeliveryState
    attempts: int
    next_at: datetime
    status: int | None
    error: str | None
    delivered_at: datetime | None
    created_at: datetime


def webhooks(s: Session) -> list[WebhookView]:
    """List all webhooks, the oldest first."""
    rows = s.execute(select(Webhook, User.name).join(User, User.id == Webhook.user_id).order_by(Webhook.created_at))
    return [_view(one, name) for one, name in rows]


def webhook(s: Session, id: str) -> WebhookView:
    """Return a webhook. Raises NotInCatalogError."""
    found = s.execute(select(Webhook, User.name).join(User, User.id == Webhook.user_id).where(Webhook.id == id)).first()
    if found is None:
        raise NotInCatalogError(f"webhook {id[:60]!r} is not in the catalog; list the webhooks")
    return _view(*found)


def _view(one: Webhook, user: str) -> WebhookView:
    return WebhookView(
        id=one.id,
        user=user,
        url=one.url,
        events=tuple(kind for kind in WEBHOOK_EVENTS if kind in one.events.split()),
        active=one.active,
        reason=one.reason,
        failures=one.failures,
        created_at=one.created_at,
    )


def deliveries_page(
    s: Session, webhook_id: str, *, after: str | None, limit: int, state: DeliveryState | None = None
) -> Page[DeliveryView]:
    """List the deliveries of a webhook, the newest first; with `state` those in it."""
    own = [getattr(Delivery, name) for name in DeliveryView.__dataclass_fields__ if name not in ("kind", "run_id")]
    rows = select(*own, RunEvent.kind, RunEvent.run_id).join(RunEvent, RunEvent.id == Delivery.event_id)
    rows = rows.where(Delivery.webhook_id == webhook_id).order_by(Delivery.id.desc()).limit(limit)
    if state is not None:
        rows = rows.where(Delivery.state == state)
    if after is not None:
        rows = rows.where(Delivery.id < values_of(after, int)[0])
    found: Sequence[DeliveryView] = as_records(DeliveryView, s.execute(rows))
    return Page(found, cursor([found[-1].id]) if len(found) == limit else None)


@dataclass(frozen=True)
class EventView:
    """What is told of a run; `data` is that of the request's body."""

    id: str
    kind: WebhookEvent
    occurred_at: datetime
    data: Mapping[str, Any]


def events_of(s: Session, ids: Sequence[str]) -> dict[str, EventView]:
    """Return the events with these ids, by id; unknown ones are left out."""
    columns = (RunEvent.id, RunEvent.kind, RunEvent.occurred_at, RunEvent.data)
    found = as_records(EventView, s.execute(select(*columns).where(RunEvent.id.in_(ids))))
    return {one.id: one for one in found}


@dataclass(frozen=True)
class WebhookStanding:
    """How a webhook's deliveries stand: how many wait to be sent, and the newest of all, if there is one."""

    waiting: int
    newest: DeliveryView | None


def webhook_standings(s: Session, ids: Sequence[str]) -> dict[str, WebhookStanding]:
    """Return how the deliveries of these webhooks stand."""
    waiting = select(Delivery.webhook_id, func.count()).where(Delivery.state == "waiting", Delivery.webhook_id.in_(ids))
    counts = dict(s.execute(waiting.group_by(Delivery.webhook_id)).all())
    newest = {one: deliveries_page(s, one, after=None, limit=1).rows for one in ids}
    return {one: WebhookStanding(counts.get(one, 0), next(iter(newest[one]), None)) for one in ids}
