"""Webhooks: what was sent when, what was answered, when it is tried next; sent again, switched off and on."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page, redirect
from deploy.dashboard.resources import resources
from storage.catalog import views, writes
from storage.catalog.records import DELIVERY_STATES, CatalogError

router = APIRouter()
Admin = Annotated[Person, Depends(Needs("admin", tokens=False))]
HERE = "/webhooks"
LISTED = 50  # deliveries of a page


@router.get(HERE)
def webhooks(request: Request, person: Admin) -> Response:
    """Show all webhooks: address, events, state, and how their deliveries stand."""
    with resources(request).catalog.read() as s:
        shown = views.webhooks(s)
        standings = views.webhook_standings(s, [one.id for one in shown])
    return page(request, "webhooks.html", person, shown=[(one, standings[one.id]) for one in shown])


@router.get(HERE + "/{webhook_id}")
def deliveries(webhook_id: str, request: Request, person: Admin, state: str = "", after: str | None = None) -> Response:
    """Show the deliveries of a webhook, the newest first; `state`: those in it alone."""
    if state and state not in DELIVERY_STATES:
        raise CatalogError(f"state: {state[:40]!r} is not known; use one of {', '.join(DELIVERY_STATES)}")
    with resources(request).catalog.read() as s:
        hook = views.webhook(s, webhook_id)
        chosen = state or None
        shown = views.deliveries_page(s, webhook_id, after=after, limit=LISTED, state=chosen)
        events = views.events_of(s, [one.event_id for one in shown.rows])
    told = {id: json.dumps(one.data, indent=2, sort_keys=True) for id, one in events.items()}
    given: dict[str, Any] = {"hook": hook, "shown": shown, "events": events, "told": told}
    return page(request, "deliveries.html", person, state=state, states=DELIVERY_STATES, **given)


@router.post(HERE + "/{webhook_id}/deliveries/{delivery_id:int}/send")
def send(webhook_id: str, delivery_id: int, request: Request, person: Admin) -> Response:
    """Send a delivery again, with the same webhook-id."""
    with resources(request).catalog.write() as s:
        writes.send_again(s, webhook_id, delivery_id, actor=person.name)
    return redirect(f"{HERE}/{webhook_id}", "It is sent again within seconds; reload to see the answer.")


@router.post(HERE + "/{webhook_id}/active")
def switch(
    webhook_id: str, request: Request, person: Admin, active: Annotated[Literal["yes", "no"], Form()]
) -> Response:
    """Switch a webhook off, or on again: what waited for it is then sent."""
    with resources(request).catalog.write() as s:
        writes.change_webhook(s, webhook_id, actor=person.name, active=active == "yes")
    said = "On: what waited is being sent." if active == "yes" else "Off: what it is told of waits until it is on."
    return redirect(f"{HERE}/{webhook_id}", said)
