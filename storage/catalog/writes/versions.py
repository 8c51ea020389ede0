"""The current one of the versions of a reference's mask or annotation, decided by one writer at a time."""

from datetime import datetime
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import instant
from storage.catalog.records import PERSONS, Given, NotInCatalogError
from storage.catalog.schema import Reference, Subject
from storage.catalog.writes.lineage import record_event


class VersionRow(Protocol):
    """The columns of a version that say whether it is current, and who made it so."""

    id: int
    turn: int
    given: Given
    giver: str | None
    given_at: datetime | None


def make_current(
    s: Session,
    entity: str,
    row: VersionRow,
    current: VersionRow | None,
    *,
    given: Given,
    giver: str | None,
    requested: bool,
) -> None:
    """Make a version the current one, with its new origin. `entity`: what the rows are, in the history."""
    again = current is row and row.given == given and row.giver == giver
    if given in PERSONS or row.given not in PERSONS or requested:
        row.given, row.giver = given, giver
    if (given in PERSONS or requested) and not (again and row.given_at is not None):
        row.given_at = instant(s)
    if current is not row or row.turn == 0:
        row.turn = (0 if current is None else current.turn) + 1
    if current is not None and current is not row:
        s.flush()
        record_event(s, entity, current.id, "superseded", actor=giver, by=row.id)


def lock(s: Session, table: type[Subject] | type[Reference], field: str, row_id: int) -> None:
    """Lock the parent row, so that only one writer at a time decides which child is current."""
    if s.scalar(select(table.id).where(table.id == row_id).with_for_update(key_share=True)) is None:
        raise NotInCatalogError(f"{field} {row_id} is not in the catalog; add it first")
