"""Grid: one subject's prompts by poses, seeds flipped in place, the reference beside them."""

from __future__ import annotations

from typing import Annotated

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


@router.get("/subjects/{subject_id:int}/grid")
def grid(subject_id: int, request: Request, person: Viewer) -> Response:
    """Show the subject's newest pictures as a table of prompts and poses."""
    with resources(request).catalog.read() as s:
        subject, cells = views.subject(s, subject_id), views.grid(s, subject_id)
    poses = sorted({cell.pose for cell in cells}, key=lambda pose: (pose is not None, pose or ""))
    prompts = list(dict.fromkeys(cell.prompt for cell in cells))
    placed: dict[tuple[str, str | None], list[GridCell]] = {}
    for cell in sorted(cells, key=lambda one: one.seed):
        placed.setdefault((cell.prompt, cell.pose), []).append(cell)
    seeds = sorted({cell.seed for cell in cells})
    return page(request, "grid.html", person, subject=subject, poses=poses, prompts=prompts, placed=placed, seeds=seeds)
