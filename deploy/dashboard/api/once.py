"""Requests with an Idempotency-Key: worked on once, answered alike each time they are sent."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from math import ceil
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Person
from deploy.dashboard.api.problems import ProblemError
from deploy.dashboard.resources import resources
from storage.catalog import writes

HEADER = "Idempotency-Key"
LONGEST = 200  # characters of a key
KEPT = ("location",)  # headers that an answer is repeated with
Handler = Callable[[Request], Awaitable[Response]]


async def once(request: Request, person: Person, handler: Handler) -> Response:
    """Answer a request; one with a key is worked on by one process at a time, and its answer is kept for a day.

    What a request makes gets its id from `made_id`, so that it is made once even where a process was killed between
    making it and keeping the answer. A request that fails keeps nothing: its key is free again.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        request.state.made = uuid.uuid4()
        return await handler(request)
    if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise ProblemError(
            400, f"{HEADER}: give 1 to {LONGEST} printable ASCII characters, such as a UUID", field=HEADER
        )
    asked = await _sha256(request)
    known = resources(request)
    whose: dict[str, Any] = {"user_id": person.user_id, "key": key}
    begun = await run_in_threadpool(
        known.catalog.transact, lambda s: writes.begin_request(s, **whose, request_sha256=asked)
    )
    if begun.conflict:
        said = f"{HEADER}: another request was sent with this key; use a new key for each request"
        raise ProblemError(422, said, field=HEADER)
    if begun.answer is not None:
        status, headers, body = begun.answer
        return Response(body, status, {**headers, "Idempotent-Replayed": "true"}, media_type="application/json")
    if begun.leased_until is None:
        said = f"{HEADER}: the first request with this key is being worked on; send it again in a moment"
        raise ProblemError(409, said, {"Retry-After": str(min(5, ceil(begun.wait)))}, field=HEADER)
    # who sent it, what it is and when it came first: the same id for the same request, and no other's
    request.state.made = uuid.uuid5(uuid.NAMESPACE_URL, f"{person.user_id} {key} {asked} {begun.since}")
    held: dict[str, Any] = {**whose, "leased_until": begun.leased_until}
    kept = False
    try:
        answer = await handler(request)
        if answer.status_code < 300:
            headers = {name: answer.headers[name] for name in KEPT if name in answer.headers}
            what: dict[str, Any] = {
                "status": answer.status_code,
                "headers": headers,
                "body": bytes(answer.body).decode(),
            }
            keep = partial(writes.answer_request, **held, **what)
            await run_in_threadpool(known.catalog.transact, keep)
            kept = True
        return answer
    finally:
        if not kept:
            await run_in_threadpool(known.catalog.transact, partial(writes.release_request, **held))


def made_id(request: Request) -> uuid.UUID:
    """Return the id for what this request makes."""
    made: uuid.UUID = request.state.made
    return made


async def _sha256(request: Request) -> str:
    """Hash what the request asks for: method, address, media type and body."""
    about = (request.method, request.url.path, request.url.query, request.headers.get("content-type", ""))
    found = hashlib.sha256("\n".join(about).encode())
    found.update(await request.body())
    return found.hexdigest()
