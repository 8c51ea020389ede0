"""Keeps presets of orders and files that were uploaded for orders."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.database.sql import insert_into
from storage.catalog.records import CatalogError
from storage.catalog.schema import OrderFile, OrderPreset
from storage.catalog.writes.audit import record_audit
from storage.text import fault_of

MOST, LONGEST = 100, 60  # presets of one person, characters of a name
MOST_SPEC = 1024 * 1024  # characters


def save_preset(s: Session, *, user_id: int, name: str, spec: str, shared: bool = False) -> None:
    """Keep a spec under a name, instead of what the person kept under it before. Raises CatalogError.

    `spec`: YAML, as it was written.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST or fault_of(name) is not None:
        raise CatalogError(f"preset: give it a name of 1 to {LONGEST} characters")
    if len(spec) > MOST_SPEC:
        raise CatalogError(f"preset: the spec is longer than {MOST_SPEC:,} characters; shorten it")
    mine = select(func.count()).select_from(OrderPreset).where(OrderPreset.user_id == user_id)
    if (s.scalar(mine.where(OrderPreset.name != name)) or 0) >= MOST:
        raise CatalogError(f"preset: you keep {MOST}, which is the most; delete one first")
    values = {"spec": spec, "shared": shared}
    row = insert_into(s, OrderPreset).values(user_id=user_id, name=name, **values)
    keys = [OrderPreset.user_id, OrderPreset.name]
    s.execute(row.on_conflict_do_update(index_elements=keys, set_=values))


def delete_preset(s: Session, preset_id: int, *, user_id: int | None) -> bool:
    """Delete a preset of the person (None: whoever kept it); return whether there was one."""
    mine = () if user_id is None else (OrderPreset.user_id == user_id,)
    found = s.scalar(select(OrderPreset.id).where(OrderPreset.id == preset_id, *mine))
    if found is not None:
        s.execute(delete(OrderPreset).where(OrderPreset.id == found))
    return found is not None


def add_order_file(s: Session, *, sha256: str, kind: str, name: str, person: str) -> None:
    """Record a stored blob as a person's for orders, also in the audit; one that is kept again counts as new."""
    name = name[:200] if fault_of(name) is None else kind
    row = insert_into(s, OrderFile).values(sha256=sha256, kind=kind, name=name, person=person)
    keys = [OrderFile.sha256, OrderFile.kind, OrderFile.person]
    s.execute(row.on_conflict_do_update(index_elements=keys, set_={"created_at": now(), "name": name}))
    about = {"kind": kind, "name": name}
    record_audit(s, actor=person, action="upload for orders", entity="blob", entity_id=sha256, after=about)
