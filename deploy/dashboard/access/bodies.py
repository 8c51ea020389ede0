"""Limits on request bodies: a table of routes and bytes, checked before anything is buffered."""

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
"""Limit for anyone who may not use the route, including visitors."""
FORM = 64 * KIB
"""Limit for routes that the table does not list: a form with a few fields."""


@dataclass(frozen=True)
class Files:
    """`count` pictures, each up to the upload limit of the settings, plus the form around them."""

    count: int


TABLE: Mapping[str, int | Files] = {
    "/api/reviews": 32 * KIB,  # one decision; a note of 2000 characters, each escaped
    "/orders": Files(4),  # a reference, its mask, a control image and a table, and the order around them
    "/orders/check": 4 * 1024 * KIB,  # an order of a mebibyte, each character escaped
    "/flows/run": 512 * KIB,  # fields of 20,000 characters, each escaped
    "/subjects/{subject_id:int}/references/{reference_id:int}/mask": Files(1),
    "/subjects/{subject_id:int}/references/{reference_id:int}/controls": Files(1),
    "/inspect": Files(1),
    "/subjects": Files(2 + 8),  # a reference and its mask, and further references
}
_AROUND = 64 * KIB
_LINGER, _SECONDS = 4 * 1024 * KIB, 5.0
"""How much of a rejected body is still read and discarded: a client cut off while sending never reads the response."""


class LimitedBodies:
    """ASGI middleware that rejects a body larger than its route's limit with 413, without buffering it.

    `elsewhere`: beginnings of paths whose application has limits of its own.
    """

    def __init__(
        self, app: ASGIApp, routes: Sequence[APIRoute], max_upload: int, elsewhere: tuple[str, ...] = ()
    ) -> None:
        self.app = app
        self.routes = routes
        self.max_upload = max_upload
        self.elsewhere = elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self.elsewhere):
            await self.app(scope, receive, send)
            return
        body = _Body(self, scope, receive, send)
        await self.app(scope, body.receive, body.send)

    async def limit(self, scope: Scope) -> int:
        """Return how many bytes this person may send to this route."""
        route = next((one for one in self.routes if one.matches(scope)[0] is Match.FULL), None)
        if route is None:
            return STRANGER
        person = await run_in_threadpool(_person, Request(scope))
        needs = next(one.call for one in route.dependant.dependencies if isinstance(one.call, Needs))
        if person.role is None or not person.admitted(needs.access):
            return STRANGER
        most = TABLE.get(route.path, FORM)
        return most.count * self.max_upload + _AROUND if isinstance(most, Files) else most


def _person(request: Request) -> Person:
    """Identify the user before the body is read."""
    bearer = request.headers.get("authorization", "")
    try:
        return by_token(resources(request), bearer) if bearer else by_cookie(resources(request), request.cookies)
    except AccessError:
        return Person()


class _Body:
    """The body of one request, counted as it arrives."""

    def __init__(self, limits: LimitedBodies, scope: Scope, receive: Receive, send: Send) -> None:
        self._limits, self._scope, self._receive, self._send = limits, scope, receive, send
        length = Headers(scope=scope).get("content-length", "")
        self._announced = int(length[:18]) if length.isdecimal() else 0
        self._read = 0
        self._most = STRANGER  # the user is looked up only beyond what anyone may send
        self._looked_up = self._rejected = self._started = False

    async def receive(self) -> Message:
        """Receive the next chunk. Raises HTTPException once the body, or its announced length, exceeds the limit."""
        await self._check(self._announced)  # before any byte is read
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            await self._check(self._read)
        return message

    async def _check(self, size: int) -> None:
        if size > self._most and not self._looked_up:
            self._looked_up = True
            self._most = await self._limits.limit(self._scope)
        if size > self._most and not self._started:
            self._rejected = True
            remedy = (
                "send less" if self._most != STRANGER else "send less, or log in with an account that may send more"
            )
            said = f"the request body is larger than the limit of {self._most:,} bytes"
            raise HTTPException(413, f"{said}; {remedy}")

    async def send(self, message: Message) -> None:
        """Forward the response. After a rejection, close the connection without reading the rest."""
        self._started = True
        if self._rejected and message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        if self._rejected and message["type"] == "http.response.body" and not message.get("more_body"):
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
