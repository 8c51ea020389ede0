"""Webhooks: register, change, remove; look at deliveries and send them again."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from starlette.requests import Request

from deploy.dashboard.api.listed import Cursor, Limit, Listed, listed
from deploy.dashboard.api.models.people import ChangedWebhook, Delivery, NewWebhook, Webhook, WebhookSecret
from deploy.dashboard.api.once import made_id
from deploy.dashboard.api.rights import Listener
from deploy.dashboard.api.route import router as routes
from deploy.dashboard.resources import Resources, resources
from deploy.dashboard.webhooks.addresses import demand_address
from storage.catalog import views, writes

router = routes("webhooks")


@router.get("/webhooks")
def webhooks(request: Request, person: Listener) -> list[Webhook]:
    """List the webhooks, the oldest first; there are at most 20."""
    with resources(request).catalog.read() as s:
        return [Webhook.model_validate(one) for one in views.webhooks(s)]


@router.post("/webhooks", status_code=201)
def add(sent: NewWebhook, request: Request, response: Response, person: Listener) -> WebhookSecret:
    """Register an address; the answer has the secret that signs, which is not shown again."""
    known = resources(request)
    demand_address(sent.url, known.settings.webhook_networks)
    id = f"wh_{made_id(request).hex}"
    with known.catalog.write() as s:
        of: dict[str, Any] = {"user_id": person.user_id, "actor": person.name}
        secret = writes.add_webhook(s, id=id, url=sent.url, events=sent.events, **of)
    response.headers["Location"] = f"{request.url.path}/{id}"
    return _with_secret(known, id, secret)


@router.get("/webhooks/{webhook_id}")
def webhook(webhook_id: str, request: Request, person: Listener) -> Webhook:
    """Return a webhook."""
    return _webhook(resources(request), webhook_id)


@router.patch("/webhooks/{webhook_id}")
def change(webhook_id: str, sent: ChangedWebhook, request: Request, person: Listener) -> Webhook:
    """Change a webhook, or switch it on again: what waited for it is then sent."""
    known = resources(request)
    if sent.url is not None:
        demand_address(sent.url, known.settings.webhook_networks)
    with known.catalog.write() as s:
        writes.change_webhook(s, webhook_id, actor=person.name, **sent.model_dump(exclude_none=True))
    return _webhook(known, webhook_id)


@router.delete("/webhooks/{webhook_id}", status_code=204)
def remove(webhook_id: str, request: Request, person: Listener) -> None:
    """Remove a webhook with its deliveries."""
    with resources(request).catalog.write() as s:
        writes.remove_webhook(s, webhook_id, actor=person.name)


@router.post("/webhooks/{webhook_id}/rotate")
def rotate(webhook_id: str, request: Request, person: Listener) -> WebhookSecret:
    """Return a new secret; for a day, requests are signed by the one before it too."""
    known = resources(request)
    with known.catalog.write() as s:
        secret = writes.rotate_secret(s, webhook_id, actor=person.name)
    return _with_secret(known, webhook_id, secret)


@router.get("/webhooks/{webhook_id}/deliveries")
def deliveries(
    webhook_id: str, request: Request, response: Response, person: Listener, cursor: Cursor = None, limit: Limit = 50
) -> Listed[Delivery]:
    """List the deliveries of a webhook, the newest first."""
    with resources(request).catalog.read() as s:
        views.webhook(s, webhook_id)
        page = views.deliveries_page(s, webhook_id, after=cursor, limit=limit)
    return listed(request, response, [Delivery.model_validate(one) for one in page.rows], page.next)


@router.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/send", status_code=202)
def send(webhook_id: str, delivery_id: int, request: Request, person: Listener) -> None:
    """Send a delivery again, with the same webhook-id."""
    with resources(request).catalog.write() as s:
        writes.send_again(s, webhook_id, delivery_id, actor=person.name)


def _webhook(known: Resources, id: str) -> Webhook:
    with known.catalog.read() as s:
        return Webhook.model_validate(views.webhook(s, id))


def _with_secret(known: Resources, id: str, secret: str) -> WebhookSecret:
    return WebhookSecret(**_webhook(known, id).model_dump(), secret=secret)
