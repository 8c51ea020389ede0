"""Adds the device-seconds of attempts to cells and fine-tunings."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.schema import Cell, Training


def spent(seconds: float | None, device: str | None, table: type[Cell] | type[Training] = Cell) -> dict[str, Any]:
    """Build the columns of a row that took `seconds` more on a device of the class `device`; none if unknown."""
    if seconds is None:
        return {}
    return {"device_seconds": func.coalesce(table.device_seconds, 0.0) + seconds, "device": device}


def change_spent(
    s: Session, seconds: Mapping[int, float | None], device: str | None, news: Mapping[str, Any] | None = None
) -> None:
    """Add to cells, by id, what they took, and set the columns `news`; one statement for all of the same share."""
    alike: dict[float | None, list[int]] = defaultdict(list)
    for cell_id, share in seconds.items():
        alike[share].append(cell_id)
    for share, ids in alike.items():
        values = dict(news or {}) | spent(share, device)
        if values:
            change = update(Cell).where(Cell.id.in_(ids)).values(values)
            s.execute(change.execution_options(synchronize_session=False))


def spend_on_cells(s: Session, seconds: Mapping[str, float], device: str) -> None:
    """Add to cells, by digest, what attempts took that ended without an image or a failure of their own."""
    for part in chunks(sorted(seconds)):
        rows = s.execute(select(Cell.id, Cell.digest).where(Cell.digest.in_(part)).order_by(Cell.digest)).all()
        change_spent(s, {row.id: seconds[row.digest] for row in rows}, device)
