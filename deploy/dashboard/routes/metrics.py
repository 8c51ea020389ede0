"""Metrics for Prometheus, under a token of the scope "metrics"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.metrics.collector import exposition
from deploy.dashboard.resources import shared

router = APIRouter()
Scraper = Annotated[Person, Depends(Needs("metrics"))]


@router.get("/metrics")
def metrics(request: Request, person: Scraper) -> Response:
    """Render the catalog's metrics in Prometheus's text format."""
    render: Callable[[], bytes] = shared(request, "metrics", exposition)
    return Response(render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
