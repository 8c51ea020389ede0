"""Whose token this is."""

from __future__ import annotations

from deploy.dashboard.api.models.people import Me
from deploy.dashboard.api.rights import AnyToken
from deploy.dashboard.api.route import router as routes
from storage.catalog.records import API_RIGHTS

router = routes("me")


@router.get("/me")
def me(person: AnyToken) -> Me:
    """Return whose token this is and what it may do."""
    return Me(name=person.name, rights=[one for one in API_RIGHTS if one in person.rights])
