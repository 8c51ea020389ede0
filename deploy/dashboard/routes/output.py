"""One output: its picture, recipe, lineage and history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.pages import page
from deploy.dashboard.resources import resources
from deploy.dashboard.security.access import Needs, Person
from storage.catalog import views

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]


@router.get("/outputs/{output_id:int}")
def output(output_id: int, request: Request, person: Viewer) -> Response:
    """Everything that is known of it."""
    known = resources(request)
    with known.catalog.read() as s:
        one = views.output(s, output_id)
        reviews, events = views.reviews_of(s, output_id), views.history(s, "cell", one.digest)
        sibling = views.sibling(s, one)
    ui = f"{known.prefect.ui}/runs/flow-run/{one.flow_run_id}" if known.prefect.ui and one.flow_run_id else ""
    needed = known.settings.approvals
    return page(
        request,
        "output.html",
        person,
        one=one,
        reviews=reviews[::-1],
        events=events[::-1],
        sibling=sibling,
        prefect=ui,
        needed=needed,
    )
