"""Webhooks: registered, changed, removed; their secrets, which are shown once."""

import base64
import secrets
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into, instant
from storage.catalog.records import WEBHOOK_EVENTS, CatalogError, NotInCatalogError, WebhookEvent
from storage.catalog.schema import Delivery, EventMark, Review, Webhook
from storage.catalog.writes.audit import record_audit
from storage.redaction import redact_url

MOST, LONGEST_URL = 20, 500
OLD_SECRET = timedelta(hours=24)
"""How long the secret before a rotation signs too."""


def add_webhook(s: Session, *, id: str, user_id: int, url: str, events: Collection[WebhookEvent], actor: str) -> str:
    """Register an address under an id that its maker chose, and return the secret that signs what is sent there.

    It is told of what becomes true from now on. The same id again gets a new secret. Raises CatalogError.
    """
    found = s.get(Webhook, id)
    if found is not None:
        found.secret = new_webhook_secret()
        return found.secret
    if (s.scalar(select(func.count()).select_from(Webhook)) or 0) >= MOST:
        raise CatalogError(f"url: there are {MOST} webhooks already; remove one that is no longer needed")
    wanted = _events(events)
    if not s.scalar(select(func.count()).select_from(Webhook).where(Webhook.active)):
        _mark(s)
    row = Webhook(id=id, user_id=user_id, url=_url(url), events=wanted, secret=new_webhook_secret())
    row.created_at = instant(s)
    s.add(row)
    s.flush()
    after = {"url": redact_url(url), "events": wanted}
    record_audit(s, actor=actor, action="add webhook", entity="webhook", entity_id=id, after=after)
    return row.secret


def change_webhook(
    s: Session,
    id: str,
    *,
    actor: str,
    url: str | None = None,
    events: Collection[WebhookEvent] | None = None,
    active: bool | None = None,
) -> None:
    """Change what is given. Activating it forgets its failures. Raises CatalogError, NotInCatalogError."""
    row = _row(s, id)
    before = {"url": redact_url(row.url), "events": row.events, "active": row.active}
    if url is not None:
        row.url = _url(url)
    if events is not None:
        row.events = _events(events)
    if active is not None:
        row.active, row.failures = active, 0
        row.reason = None if active else f"switched off by {actor}"
    s.flush()
    after = {"url": redact_url(row.url), "events": row.events, "active": row.active}
    record_audit(s, actor=actor, action="change webhook", entity="webhook", entity_id=id, before=before, after=after)


def rotate_secret(s: Session, id: str, *, actor: str) -> str:
    """Return a new secret; the one before it signs too for OLD_SECRET, so that the receiver can change over."""
    row = _row(s, id)
    row.old_secret, row.old_until, row.secret = row.secret, instant(s) + OLD_SECRET, new_webhook_secret()
    s.flush()
    record_audit(s, actor=actor, action="rotate webhook secret", entity="webhook", entity_id=id)
    return row.secret


def remove_webhook(s: Session, id: str, *, actor: str) -> None:
    """Remove a webhook with its deliveries. Raises NotInCatalogError."""
    row = _row(s, id)
    before = {"url": redact_url(row.url), "events": row.events}
    s.execute(delete(Delivery).where(Delivery.webhook_id == id), execution_options={"synchronize_session": False})
    s.delete(row)
    s.flush()
    record_audit(s, actor=actor, action="remove webhook", entity="webhook", entity_id=id, before=before)


def new_webhook_secret() -> str:
    """Generate a secret as Standard Webhooks writes them: whsec_ and 256 random bits in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _mark(s: Session) -> None:
    """Begin to look for events now: nobody listened before."""
    news = {"ended_at": instant(s), "review_id": s.scalar(select(func.max(Review.id))) or 0}
    insert = insert_into(s, EventMark).values({"id": 1} | news)
    s.execute(insert.on_conflict_do_update(index_elements=[EventMark.id], set_=news))


def _row(s: Session, id: str) -> Webhook:
    row = s.get(Webhook, id)
    if row is None:
        raise NotInCatalogError(f"webhook {id[:60]!r} is not in the catalog; list the webhooks")
    return row


def _url(url: str) -> str:
    if len(url) > LONGEST_URL:
        raise CatalogError(f"url: longer than {LONGEST_URL} characters; shorten it")
    return url


def _events(events: Collection[str]) -> str:
    unknown = sorted(set(events) - set(WEBHOOK_EVENTS))
    if unknown or not events:
        raise CatalogError(f"events: {', '.join(unknown) or 'none'}; use of {', '.join(WEBHOOK_EVENTS)}")
    return " ".join(one for one in WEBHOOK_EVENTS if one in events)
