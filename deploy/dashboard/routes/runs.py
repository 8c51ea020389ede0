"""A run: its state and reason, the cells it could not generate, and its results."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page, sentences
from deploy.dashboard.resources import resources
from storage.catalog import views

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]


@router.get("/runs/{run_id}")
def run(run_id: str, request: Request, person: Viewer) -> Response:
    """Show a run: state and reason, counts, rejected subjects, times, machine, and links to its images."""
    known = resources(request)
    with known.catalog.read() as s:
        one = views.run(s, run_id)
        warnings = views.warnings_of_run(s, run_id)
    ui = f"{known.prefect.ui}/runs/flow-run/{one.flow_run_id}" if known.prefect.ui and one.flow_run_id else ""
    until = one.finished_at or datetime.now(UTC)
    took = _length((until - one.started_at).total_seconds())
    said = sentences(warnings, 50)
    return page(request, "run.html", person, one=one, prefect=ui, took=took, warnings=said)


def _length(seconds: float) -> str:
    """Format a duration in its two largest units."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
