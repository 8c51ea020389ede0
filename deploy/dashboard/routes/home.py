"""Home: runs, their progress and what awaits review, live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.live import Live, live_of
from deploy.dashboard.pages import page
from deploy.dashboard.resources import resources
from storage.catalog import views

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
SECONDS, TURNS = 2.0, 30
"""Seconds between updates, and the number of updates after which a page must reconnect and authenticate again."""


@router.get("/")
def home(request: Request, person: Viewer) -> Response:
    """Show runs and counts."""
    return page(request, "home.html", person, live=live_of(request).snapshot(), quotas=_quotas(request))


def _quotas(request: Request) -> list[str]:
    """Return a sentence for each project of the person that has used most of its month."""
    with resources(request).catalog.read() as s:
        found = [views.quota_left(s, one.id) for one in views.projects(s) if one.quota is not None]
    return [one.warning for one in found if one is not None and one.warning]


@router.get("/fragments/runs")
def runs(request: Request, person: Viewer) -> Response:
    """Render the live part alone, for browsers that poll."""
    return page(request, "_runs.html", person, live=live_of(request).snapshot())


@router.get("/api/runs/stream")
async def stream(request: Request, person: Viewer) -> StreamingResponse:
    """Stream the live part whenever it changes, as server-sent events."""
    shown: Live = live_of(request)

    def render() -> str:
        return bytes(page(request, "_runs.html", person, live=shown.snapshot()).body).decode()

    async def events() -> AsyncIterator[str]:
        last = ""
        yield "retry: 1000\n\n"
        for _ in range(TURNS):
            html = await run_in_threadpool(render)
            yield ": nothing new\n\n" if html == last else f"event: runs\ndata: {json.dumps(html)}\n\n"
            last = html
            if await request.is_disconnected():
                return
            await asyncio.sleep(SECONDS)

    return StreamingResponse(events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
