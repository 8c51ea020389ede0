"""The way of every request: who calls, what was sent, whether it was sent before."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.api.bodies import read_json
from deploy.dashboard.api.once import once
from deploy.dashboard.api.rights import caller, right_of
from deploy.dashboard.api.turns import turn
from deploy.dashboard.security.text import check_plain


class ApiRoute(APIRoute):
    """A route whose caller is known before a body is read, and whose POSTs may have an idempotency key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of a request."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            needed = right_of(self)
            if needed is None:
                return await handler(request)
            person = await caller(request, needed)
            with turn(request, person):
                check_plain(dict(request.query_params.multi_items()))
                await read_json(request, self)
                return await once(request, person, handler)

        return handle


def router(tag: str) -> APIRouter:
    """Return a router for the routes of one resource."""
    return APIRouter(tags=[tag], route_class=ApiRoute)
