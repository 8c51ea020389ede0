"""Audit: who changed what."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page
from deploy.dashboard.resources import resources
from storage.catalog import views

router = APIRouter()
Admin = Annotated[Person, Depends(Needs("admin"))]


@router.get("/audit")
def audit(
    request: Request,
    person: Admin,
    actor: str = "",
    action: str = "",
    entity: str = "",
    entity_id: str = "",
    after: str = "",
) -> Response:
    """Show the audit entries that match the filter, newest first."""
    filters = {"actor": actor, "action": action, "entity": entity, "entity_id": entity_id}
    given: dict[str, Any] = {name: value for name, value in filters.items() if value}
    with resources(request).catalog.read() as s:
        shown = views.audit_page(s, after=after or None, **given)
    return page(request, "audit.html", person, shown=shown, filters=filters)
