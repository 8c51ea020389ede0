"""Which run an id means. Who may see it is decided by `caller`, which narrows what the catalog shows."""

from __future__ import annotations

from sqlalchemy.orm import Session

from storage.catalog import views
from storage.catalog.records import NotInCatalogError


def run_of(s: Session, id: str) -> str:
    """Return the id of the run with this id, or of the one that began for this order. Raises NotInCatalogError."""
    found = views.run_known_as(s, id[:64])
    if found is None:
        raise NotInCatalogError(f"run {id[:60]!r} is not in the catalog; GET /api/v1/runs lists the runs")
    return found
