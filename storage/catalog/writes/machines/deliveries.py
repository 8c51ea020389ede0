"""Deliveries of events: leased to one process at a time, tried again with growing pauses, given up in the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import instant
from storage.catalog.records import CatalogError, NotInCatalogError, WebhookEvent
from storage.catalog.schema import Delivery, RunEvent, Webhook
from storage.catalog.writes.audit import record_audit

PAUSES = (5, 60, 300, 1800, 7200, 18000, 36000, 50400)
"""Seconds before each further attempt: nine in all, over 31 hours. They are lengthened by up to a fifth, by chance."""
LEASE = timedelta(minutes=2)
DEAD = 20
"""Failed attempts without a success between, of whichever deliveries. If there were as many when a delivery is given
up, the webhook is switched off: where many deliveries wait, a receiver that is away for a minute fails as often."""
GONE = 410
"""HTTP status with which a receiver says that it wants no more."""
LONGEST_ERROR = 300


@dataclass(frozen=True)
class DueDelivery:
    """A delivery to send now; `leased_until` names this attempt. `secrets`: those that sign, the newest first."""

    id: int
    url: str
    secrets: Sequence[str]
    event_id: str
    kind: WebhookEvent
    occurred_at: datetime
    data: dict[str, object]
    attempts: int
    leased_until: datetime


def claim_deliveries(s: Session, *, most: int) -> list[DueDelivery]:
    """Lease the deliveries that are due, of active webhooks, to this caller; each to one caller at a time."""
    at = instant(s)
    rows = select(Delivery, Webhook, RunEvent).join(Webhook, Webhook.id == Delivery.webhook_id)
    rows = rows.join(RunEvent, RunEvent.id == Delivery.event_id)
    rows = rows.where(Delivery.state == "waiting", Delivery.next_at <= at, Webhook.active)
    rows = rows.order_by(Delivery.next_at, Delivery.id).limit(most).with_for_update(skip_locked=True, of=Delivery)
    found = []
    for one, hook, event in s.execute(rows):
        if one.leased_until is not None and one.leased_until > at:
            continue
        # whoever dies with the lease leaves a delivery that is due again when it ends
        one.leased_until = one.next_at = at + LEASE
        one.attempts += 1
        old = [hook.old_secret] if hook.old_secret and hook.old_until and hook.old_until > at else []
        found.append(
            DueDelivery(
                id=one.id,
                url=hook.url,
                secrets=[hook.secret, *old],
                event_id=event.id,
                kind=event.kind,
                occurred_at=event.occurred_at,
                data=event.data,
                attempts=one.attempts,
                leased_until=one.leased_until,
            )
        )
    s.flush()
    return found


def settle_delivery(
    s: Session, due: DueDelivery, *, status: int | None, error: str | None, chance: float = 0.0
) -> None:
    """Record how an attempt ended; without `error` it was delivered. `chance`, 0..1, lengthens the next pause.

    An attempt whose lease has passed to another changes nothing.
    """
    one = s.scalar(select(Delivery).where(Delivery.id == due.id).with_for_update())
    if one is None or one.leased_until != due.leased_until or one.state != "waiting":
        return
    hook = s.scalar(select(Webhook).where(Webhook.id == one.webhook_id).with_for_update())
    if hook is None:
        return
    at = instant(s)
    one.leased_until, one.status, one.error = None, status, error[:LONGEST_ERROR] if error else None
    if error is None:
        one.state, one.delivered_at, hook.failures = "delivered", at, 0
        return
    hook.failures += 1
    if one.attempts > len(PAUSES):
        one.state = "given up"
    else:
        one.next_at = at + timedelta(seconds=PAUSES[one.attempts - 1] * (1 + chance / 5))
    dead = one.state == "given up" and hook.failures >= DEAD
    if hook.active and (status == GONE or dead):
        hook.active = False
        why = "it answered 410 Gone" if status == GONE else f"{hook.failures} attempts failed one after the other"
        hook.reason = f"{why}; the last: {one.error}"
        after = {"active": False, "reason": hook.reason}
        record_audit(s, actor="webhooks", action="switch off webhook", entity="webhook", entity_id=hook.id, after=after)


def send_again(s: Session, webhook_id: str, delivery_id: int, *, actor: str) -> None:
    """Let a delivery be sent anew, with all its attempts before it. Raises CatalogError, NotInCatalogError."""
    one = s.scalar(select(Delivery).where(Delivery.id == delivery_id, Delivery.webhook_id == webhook_id))
    hook = s.get(Webhook, webhook_id)
    if one is None or hook is None:
        raise NotInCatalogError(f"delivery {delivery_id} of webhook {webhook_id[:60]!r} is not in the catalog")
    if not hook.active:
        raise CatalogError("this webhook is switched off; switch it on first, then send again")
    one.state, one.attempts, one.next_at, one.error = "waiting", 0, instant(s), None
    one.leased_until = None  # an attempt that is under way settles nothing: it would count as the first of the new ones
    s.flush()
    about: dict[str, Any] = {
        "entity": "webhook",
        "entity_id": webhook_id,
        "after": {"delivery": delivery_id, "event": one.event_id},
    }
    record_audit(s, actor=actor, action="send again", **about)
