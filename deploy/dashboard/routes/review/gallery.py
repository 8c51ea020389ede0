"""Outputs: the gallery, its pages and counts, and a JSON API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.gallery_filter import parse_filter
from deploy.dashboard.pages import page
from deploy.dashboard.resources import resources
from storage.catalog import views

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
PAGE = 60


@router.get("/outputs")
def gallery(request: Request, person: Viewer, after: str | None = None) -> Response:
    """Show the filter and the first page of matches; further pages load on scrolling."""
    asked = parse_filter(request.query_params)
    with resources(request).catalog.read() as s:
        shown = views.gallery_page(s, asked, after=after or None, limit=PAGE)
        choices = views.choices(s)
    return page(request, "outputs.html", person, shown=shown, choices=choices, asked=asked.as_json(), after=after or "")


@router.get("/fragments/outputs")
def part(request: Request, person: Viewer, after: str | None = None) -> Response:
    """Render one page of cards."""
    asked = parse_filter(request.query_params)
    with resources(request).catalog.read() as s:
        shown = views.gallery_page(s, asked, after=after or None, limit=PAGE)
    return page(request, "_cards.html", person, shown=shown, asked=asked.as_json(), after=after or "")


@router.get("/fragments/count")
def counted(request: Request, person: Viewer) -> Response:
    """Render the number of matches, separately because counting takes longer than a page."""
    with resources(request).catalog.read() as s:
        found = views.count(s, parse_filter(request.query_params))
    return page(request, "_count.html", person, count=found)


@router.get("/api/outputs")
def listed(
    request: Request, _: Viewer, after: str | None = None, limit: Annotated[int, Query(ge=1, le=300)] = PAGE
) -> dict[str, Any]:
    """Return a page as JSON, {"outputs": [...], "next": ...}; pass `next` as `after`."""
    with resources(request).catalog.read() as s:
        shown = views.gallery_page(s, parse_filter(request.query_params), after=after or None, limit=limit)
    return {"outputs": [asdict(row) for row in shown.rows], "next": shown.next}
