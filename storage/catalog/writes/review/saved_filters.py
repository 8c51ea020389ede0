"""Gallery filters that a person keeps under a name."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into
from storage.catalog.records import CatalogError
from storage.catalog.schema import SavedFilter

MOST, LONGEST = 50, 60  # filters of one person, characters of a name


def save_filter(s: Session, *, user_id: int, name: str, filter: Mapping[str, Any]) -> None:
    """Keep the filter under this name, instead of what the person kept under it before."""
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST:
        raise CatalogError(f"name: give one of 1 to {LONGEST} characters")
    mine = select(func.count()).select_from(SavedFilter).where(SavedFilter.user_id == user_id)
    if (s.scalar(mine.where(SavedFilter.name != name)) or 0) >= MOST:
        raise CatalogError(f"you keep {MOST} filters, which is the most; delete one first")
    row = insert_into(s, SavedFilter).values(user_id=user_id, name=name, filter=dict(filter))
    keys = [SavedFilter.user_id, SavedFilter.name]
    s.execute(row.on_conflict_do_update(index_elements=keys, set_={"filter": dict(filter)}))


def delete_filter(s: Session, filter_id: int, *, user_id: int) -> None:
    """Delete a filter of the person; does nothing if there is none of this id."""
    s.execute(delete(SavedFilter).where(SavedFilter.id == filter_id, SavedFilter.user_id == user_id))
