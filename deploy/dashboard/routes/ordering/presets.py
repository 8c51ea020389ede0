"""Presets of orders: deleted by who keeps them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import redirect
from deploy.dashboard.resources import resources
from storage.catalog import writes
from storage.catalog.records import NotInCatalogError

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]


@router.post("/orders/presets/{preset_id:int}/delete")
def delete(preset_id: int, request: Request, person: Operator) -> Response:
    """Delete a preset of the person; admins may delete those of others."""
    with resources(request).catalog.write() as s:
        who = None if person.may("admin") else person.user_id
        if not writes.delete_preset(s, preset_id, user_id=who):
            raise NotInCatalogError("this preset does not exist, or is someone else's; reload the page")
        writes.record_audit(s, actor=person.name, action="delete preset", entity="preset", entity_id=str(preset_id))
    return redirect("/orders/new", "Preset deleted.")
