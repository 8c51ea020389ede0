"""Cells: one image with its recipe and lineage."""

from __future__ import annotations

from starlette.requests import Request

from deploy.dashboard.api.models.runs import CellDetail
from deploy.dashboard.api.rights import Reader
from deploy.dashboard.api.route import router as routes
from deploy.dashboard.resources import resources
from storage.catalog import views

router = routes("cells")


@router.get("/cells/{digest}")
def cell(digest: str, request: Request, person: Reader) -> CellDetail:
    """Return a cell by its digest."""
    with resources(request).catalog.read() as s:
        return CellDetail.model_validate(views.cell(s, digest[:64]))
