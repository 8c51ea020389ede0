"""Requests under an idempotency key: one is worked on at a time, and its answer is kept for a while."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into, instant
from storage.catalog.schema import KeyedRequest

KEPT = timedelta(hours=24)
LEASE = timedelta(minutes=2)
"""After this long without an answer the process is taken for dead, and the same request is worked on again."""


@dataclass(frozen=True)
class Begun:
    """What is known of a request under its key.

    `leased_until`: it is this caller's to answer; `since`: when it was sent first; `conflict`: another request has the
    key; `answer`: status, headers and body of the answer that it got; none of them: somebody is working on it, for
    `wait` seconds at the most.
    """

    leased_until: datetime | None = None
    since: datetime | None = None
    conflict: bool = False
    answer: tuple[int, Mapping[str, str], str] | None = None
    wait: float = 0.0


def begin_request(s: Session, *, user_id: int, key: str, request_sha256: str) -> Begun:
    """Take a request under a user's key, or say why it cannot be taken. Requests beyond KEPT are forgotten."""
    at = instant(s)
    s.execute(delete(KeyedRequest).where(KeyedRequest.expires_at < at))
    until = at + LEASE
    row = {"user_id": user_id, "key": key, "request_sha256": request_sha256, "leased_until": until}
    row |= {"created_at": at, "expires_at": at + KEPT}
    new = insert_into(s, KeyedRequest).values(row).on_conflict_do_nothing().returning(KeyedRequest.key)
    if s.execute(new).first() is not None:
        return Begun(leased_until=until, since=at)
    ours = (KeyedRequest.user_id == user_id, KeyedRequest.key == key)
    found = s.scalar(select(KeyedRequest).where(*ours).with_for_update())
    if found is None:  # released in this moment
        return Begun(wait=1.0)
    if found.request_sha256 != request_sha256:
        return Begun(conflict=True)
    if found.status is not None:
        return Begun(answer=(found.status, found.headers or {}, found.body or ""))
    if found.leased_until > at:
        return Begun(wait=(found.leased_until - at).total_seconds())
    found.leased_until = until
    return Begun(leased_until=until, since=found.created_at)


def answer_request(
    s: Session, *, user_id: int, key: str, leased_until: datetime, status: int, headers: Mapping[str, str], body: str
) -> None:
    """Keep the answer, unless the request was taken over."""
    ours = (KeyedRequest.user_id == user_id, KeyedRequest.key == key, KeyedRequest.leased_until == leased_until)
    s.execute(update(KeyedRequest).where(*ours).values(status=status, headers=dict(headers), body=body))


def release_request(s: Session, *, user_id: int, key: str, leased_until: datetime) -> None:
    """Forget a request that made nothing, so that the key is free again."""
    ours = (KeyedRequest.user_id == user_id, KeyedRequest.key == key, KeyedRequest.leased_until == leased_until)
    s.execute(delete(KeyedRequest).where(*ours, KeyedRequest.status.is_(None)))
