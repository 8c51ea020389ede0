"""How much of a request's body is read: a table of routes and bytes, held before anything of it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.dashboard.access.rights import AccessError, Needs, Person, by_cookie, by_token
from deploy.dashboard.resources import resources

KIB = 1024
STRANGER = 16 * KIB
"""For whoever may not use the route: nobody has to be logged in to send this much."""
FORM = 64 * KIB
"""For routes that the table does not name: a form of a few fields."""


@dataclass(frozen=True)
class Files:
    """So many pictures, each as large as the settings let one be, and a form around them."""

    count: int


TABLE: Mapping[str, int | Files] = {
    "/api/reviews": 32 * KIB,  # one decision; a note of 2000 characters, each escaped
    "/flows/run": 512 * KIB,  # fields of 20,000 characters, each escaped
    "/subjects/{subject_id:int}/references/{reference_id:int}/mask": Files(1),
    "/subjects": Files(2),  # a reference and its mask
}
_AROUND = 64 * KIB
_LINGER, _SECONDS = 4 * 1024 * KIB, 5.0
"""How much of a refused body is still taken and thrown away: who is cut off while sending never reads the answer."""


class LimitedBodies:
    """ASGI middleware. A body that is larger than its route takes is answered by 413, and never held."""

    def __init__(self, app: ASGIApp, routes: Sequence[APIRoute], max_upload: int) -> None:
        self.app = app
        self.routes = routes
        self.max_upload = max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(self, scope, receive, send)
        await self.app(scope, body.receive, body.send)

    async def limit(self, scope: Scope) -> int:
        """The bytes that this person may send to this route."""
        route = next((one for one in self.routes if one.matches(scope)[0] is Match.FULL), None)
        if route is None:
            return STRANGER
        person = await run_in_threadpool(_person, Request(scope))
        needs = next(one.call for one in route.dependant.dependencies if isinstance(one.call, Needs))
        if person.role is None or (needs.access != "public" and not person.may(needs.access)):
            return STRANGER
        most = TABLE.get(route.path, FORM)
        return most.count * self.max_upload + _AROUND if isinstance(most, Files) else most


def _person(request: Request) -> Person:
    """Who asks, as far as it is known before the body is read."""
    bearer = request.headers.get("authorization", "")
    try:
        return by_token(resources(request), bearer) if bearer else by_cookie(resources(request), request.cookies)
    except AccessError:
        return Person()


class _Body:
    """The body of one request, counted as it comes."""

    def __init__(self, limits: LimitedBodies, scope: Scope, receive: Receive, send: Send) -> None:
        self._limits, self._scope, self._receive, self._send = limits, scope, receive, send
        length = Headers(scope=scope).get("content-length", "")
        self._announced = int(length[:18]) if length.isdecimal() else 0
        self._read = 0
        self._most = STRANGER  # who asks is looked up only for more than anybody may send
        self._asked = self._refused = self._started = False

    async def receive(self) -> Message:
        """The next piece; raises HTTPException once it would be too much, also by what the header announces."""
        await self._check(self._announced)  # before a byte is taken
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            await self._check(self._read)
        return message

    async def _check(self, size: int) -> None:
        if size > self._most and not self._asked:
            self._asked = True
            self._most = await self._limits.limit(self._scope)
        if size > self._most and not self._started:
            self._refused = True
            remedy = "send less" if self._most != STRANGER else "send less, or log in as somebody who may send more"
            said = f"the body of this request is larger than the {self._most:,} bytes that are read here"
            raise HTTPException(413, f"{said}; {remedy}")

    async def send(self, message: Message) -> None:
        """Pass the answer on. After a refusal the connection closes: nobody reads the rest."""
        self._started = True
        if self._refused and message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        if self._refused and message["type"] == "http.response.body" and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS):
                    await self._drain()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def _drain(self) -> None:
        left = _LINGER
        while left > 0:
            message = await self._receive()
            left -= len(message.get("body", b""))
            if not message.get("more_body"):
                return
