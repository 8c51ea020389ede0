"""Tokens and webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from deploy.dashboard.api.models.base import Answered, Sent
from storage.catalog.records import WEBHOOK_EVENTS, ApiRight, DeliveryState, WebhookEvent

Events = Annotated[list[WebhookEvent], Field(min_length=1, max_length=10)]


class Me(Answered):
    """Whose token this is, and what it may do."""

    name: str
    rights: list[ApiRight]


class NewWebhook(Sent):
    """An address that is told when a run is ready, failed, or approved as a whole."""

    url: Annotated[str, Field(max_length=500, description="https, without user and password")]
    events: list[WebhookEvent] = Field(default_factory=lambda: list(WEBHOOK_EVENTS), min_length=1, max_length=10)


class ChangedWebhook(Sent):
    """What changes of a webhook. `active`: true switches one on again that was switched off."""

    url: Annotated[str, Field(max_length=500)] | None = None
    events: Events | None = None
    active: bool | None = None


class Webhook(Answered):
    """A webhook. `failures`: failed attempts since the last success; `reason`: why it is not active."""

    id: str
    user: str
    url: str
    events: list[WebhookEvent]
    active: bool
    reason: str | None
    failures: int
    created_at: datetime


class WebhookSecret(Webhook):
    """A webhook with the secret that signs what is sent, which is shown this once."""

    secret: str


class Delivery(Answered):
    """One event for one webhook. `event_id`: the webhook-id of its requests; `status`: the last HTTP status."""

    id: int
    event_id: str
    event: Annotated[WebhookEvent, Field(validation_alias="kind")]
    run_id: str
    state: DeliveryState
    attempts: int
    next_at: datetime
    status: int | None
    error: str | None
    delivered_at: datetime | None
    created_at: datetime
