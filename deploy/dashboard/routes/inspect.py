"""Inspect: what a picture carries, whoever made it. Nothing is stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page
from deploy.dashboard.resources import resources
from storage.catalog.records import CatalogError

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]


@router.get("/inspect")
def form(request: Request, person: Viewer) -> Response:
    """Show the form."""
    return page(request, "inspect.html", person, name="", found=None, lines=[])


@router.post("/inspect")
def inspect(request: Request, person: Viewer, picture: UploadFile) -> Response:
    """Read the marks of an uploaded picture."""
    known = resources(request)
    data = picture.file.read(known.settings.max_upload + 1)
    if len(data) > known.settings.max_upload:
        raise CatalogError(f"picture: more than {known.settings.max_upload} bytes; send a smaller file")
    try:
        from deploy.marks.inspection import UnreadableError
        from deploy.marks.inspection import inspect as read
        from deploy.marks.wording import lines
    except ModuleNotFoundError as error:
        remedy = "pip install 'dreamtuner[marks]'"
        raise CatalogError(f"pictures cannot be inspected: {error.name} is not installed; {remedy}") from error
    try:
        found = read(data, known.mark_settings.keys)
    except UnreadableError as error:
        raise CatalogError(f"picture: {error}; send a PNG, JPEG or WebP") from error
    name = (picture.filename or "picture")[:120]
    return page(request, "inspect.html", person, name=name, found=found, lines=lines(found))
