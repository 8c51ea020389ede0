"""Compare: two to four pictures side by side, zoomed together, or two under a slider."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page
from deploy.dashboard.resources import resources
from storage.catalog import views
from storage.catalog.records import CatalogError

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]


@router.get("/compare")
def compare(request: Request, person: Viewer, ids: str = "") -> Response:
    """Show the outputs `ids`, two to four numbers separated by commas."""
    numbers = [int(one) for one in ids[:200].split(",") if one.strip().isdecimal()][:4]
    with resources(request).catalog.read() as s:
        shown = views.outputs(s, numbers)
    if ids and len(shown) < 2:
        raise CatalogError(f"ids {ids[:60]!r}: give two to four existing outputs, such as ?ids=3,5")
    return page(request, "compare.html", person, shown=shown)
