"""Outputs: the gallery, its pages and counts, and a JSON API."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.gallery_filter import parse_filter
from deploy.dashboard.pages import page
from deploy.dashboard.resources import resources
from storage.catalog import views
from storage.catalog.views import Filter, OutputRow, Page

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
PAGE = 60  # every number of columns that the gallery has divides it, so that no row of a full page is left incomplete
SECONDS = 0.3  # a page of a selective filter is searched for this long before it is shown short


@router.get("/outputs")
def gallery(request: Request, person: Viewer, after: str | None = None) -> Response:
    """Show the filter and the first page of matches; further pages load on scrolling."""
    asked = parse_filter(request.query_params)
    with resources(request).catalog.read() as s:
        context = _cards(s, asked, after)
        choices, kept = views.choices(s), views.saved_filters(s, person.user_id)
    return page(request, "outputs.html", person, choices=choices, kept=kept, **context)


@router.get("/fragments/outputs")
def part(request: Request, person: Viewer, after: str | None = None) -> Response:
    """Render one page of cards."""
    asked = parse_filter(request.query_params)
    with resources(request).catalog.read() as s:
        context = _cards(s, asked, after)
    return page(request, "_cards.html", person, **context)


def _cards(s: Session, asked: Filter, after: str | None) -> dict[str, Any]:
    """Return what a page of cards shows."""
    shown = _full(s, asked, after or None)
    ids = [row.output_id for row in shown.rows]
    names = views.names_of_subjects(s, {row.subject_id for row in shown.rows})
    about = {"names": names, "scores": views.scores_of(s, ids), "labels": views.labels_of(s, ids)}
    return {"shown": shown, "asked": asked.as_json(), "after": after or "", **about}


def _full(s: Session, asked: Filter, after: str | None) -> Page[OutputRow]:
    """Return a full page if there are as many matches, or what is found in time."""
    rows: list[OutputRow] = []
    until = time.monotonic() + SECONDS
    while True:
        found = views.gallery_page(s, asked, after=after, limit=PAGE - len(rows))
        rows += found.rows
        after = found.next
        if after is None or len(rows) == PAGE or time.monotonic() > until:
            return Page(rows, after)


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


@router.get("/api/outputs/{output_id:int}")
def state(output_id: int, request: Request, _: Viewer) -> dict[str, Any]:
    """Return the current state of one output, which a card shows after a conflict."""
    with resources(request).catalog.read() as s:
        one = views.output(s, output_id)
    return {name: getattr(one, name) for name in ("output_id", "revision", "decision", "rating", "approvals")}
