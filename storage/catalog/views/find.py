"""Finds rows by the first characters of an id or digest, or by number."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.records import CatalogError, NotInCatalogError
from storage.catalog.schema import Cell, Output, Run

SHORTEST = 6  # characters of an id or digest


def find_run(s: Session, start: str) -> str:
    """Return the run id that begins with `start`. Raises NotInCatalogError if none does, CatalogError if several do."""
    return _one(s, Run.id, start, "run", "`dreamtuner status` lists the last ones")


def find_output(s: Session, called: str) -> int:
    """Return the id of an output by its number, or by the first characters of its cell's digest."""
    number = int(called) if called.isdecimal() and len(called) < 19 else 0
    if number and s.scalar(select(Output.id).where(Output.id == number)) is not None:
        return number
    digest = _one(s, Cell.digest, called.lower(), "output", "the gallery lists all outputs")
    found = s.scalar(select(Output.id).join(Cell, Cell.id == Output.cell_id).where(Cell.digest == digest))
    if found is None:
        raise NotInCatalogError(f"cell {digest[:12]} has no picture")
    return found


def _one(s: Session, column: Any, start: str, what: str, remedy: str) -> str:
    if len(start) < SHORTEST:
        raise NotInCatalogError(f"{what} {start!r} is not in the catalog; {remedy}")
    rows = select(column).where(column.startswith(start, autoescape=True))
    found = s.scalars(rows.order_by(column).limit(2)).all()
    if not found:
        raise NotInCatalogError(f"{what} {start!r} is not in the catalog; {remedy}")
    if len(found) > 1:
        raise CatalogError(f"{what} {start!r} is ambiguous: {found[0]} or {found[1]}; give more characters")
    return str(found[0])
