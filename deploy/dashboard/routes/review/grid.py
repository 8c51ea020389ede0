"""Grid: one subject's prompts by control images, seeds flipped in place, the reference beside them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page
from deploy.dashboard.resources import resources
from storage.catalog import views
from storage.catalog.views import GridCell

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
Column = tuple[str | None, str | None]
"""Digests of the pose and the depth map that the images of a column were conditioned on."""


@router.get("/subjects/{subject_id:int}/grid")
def grid(subject_id: int, request: Request, person: Viewer, run_id: str = "") -> Response:
    """Show the subject's newest pictures, of one run or of all, as a table of prompts and control images."""
    with resources(request).catalog.read() as s:
        subject, cells = views.subject(s, subject_id), views.grid(s, subject_id, run_id or None)
        runs = views.runs_of_subject(s, subject_id)
    columns = sorted(
        {_column(cell) for cell in cells}, key=lambda one: [(part is not None, part or "") for part in one]
    )
    placed: dict[tuple[str, Column], dict[int, GridCell]] = {}
    for cell in cells:  # of two images of one seed the newer one is shown
        placed.setdefault((cell.prompt, _column(cell)), {})[cell.seed] = cell
    context: dict[str, Any] = {"subject": subject, "columns": columns, "placed": placed, "runs": runs, "run_id": run_id}
    context |= {"prompts": list(dict.fromkeys(cell.prompt for cell in cells))}
    context |= {"seeds": sorted({cell.seed for cell in cells})}
    context |= {"metrics": sorted({metric for cell in cells for metric in cell.scores})}
    return page(request, "grid.html", person, **context)


def _column(cell: GridCell) -> Column:
    return cell.pose, cell.depth
