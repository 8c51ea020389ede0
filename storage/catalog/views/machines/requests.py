"""Orders, uploads and exports of a user's programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.database.sql import as_records, chunks
from storage.catalog.records import NotInCatalogError
from storage.catalog.schema import Export, Order, Output, Upload
from storage.catalog.views.machines.cursor import cursor, values_of
from storage.catalog.views.pages import Page


@dataclass(frozen=True)
class OrderView:
    """An ordered run: its id in the orchestrator, who ordered it, and when it was seen to begin or to end."""

    id: str
    user_id: int
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class UploadView:
    """An uploaded image; `size` in bytes, `width` and `height` in pixels."""

    sha256: str
    content_type: str
    size: int
    width: int
    height: int
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class ExportView:
    """A frozen choice of approved outputs. `options`: the fields of ExportOptions that were stated."""

    id: str
    user_id: int
    filter: Mapping[str, Any]
    options: Mapping[str, Any]
    output_ids: Sequence[int]
    created_at: datetime
    expires_at: datetime


def order(s: Session, id: str) -> OrderView | None:
    """Return an order; None: there is none of this id."""
    row = s.get(Order, id)
    return None if row is None else OrderView(row.id, row.user_id, row.created_at, row.closed_at)


def open_orders(s: Session, *, before: datetime, limit: int) -> list[str]:
    """List the ids of the oldest orders before a moment that have neither begun nor ended."""
    rows = select(Order.id).where(Order.closed_at.is_(None), Order.created_at < before)
    return list(s.scalars(rows.order_by(Order.created_at).limit(limit)))


_UPLOAD = tuple(getattr(Upload, name) for name in UploadView.__dataclass_fields__)


def upload(s: Session, user_id: int, sha256: str) -> UploadView | None:
    """Return a user's upload that has not expired; None: there is none."""
    rows = select(*_UPLOAD).where(Upload.user_id == user_id, Upload.sha256 == sha256, Upload.expires_at > now())
    return next(iter(as_records(UploadView, s.execute(rows))), None)


def uploads_page(s: Session, user_id: int, *, after: str | None, limit: int) -> Page[UploadView]:
    """List a user's uploads that have not expired, the newest first."""
    rows = select(Upload.id, *_UPLOAD).where(Upload.user_id == user_id, Upload.expires_at > now())
    if after is not None:
        rows = rows.where(Upload.id < values_of(after, int)[0])
    found = s.execute(rows.order_by(Upload.id.desc()).limit(limit)).all()
    views = [UploadView(**{name: row._mapping[name] for name in UploadView.__dataclass_fields__}) for row in found]
    return Page(views, cursor([found[-1].id]) if len(found) == limit else None)


def export(s: Session, user_id: int, id: str) -> ExportView:
    """Return a user's export. Raises NotInCatalogError, also once it has expired."""
    row = s.scalar(select(Export).where(Export.id == id, Export.user_id == user_id, Export.expires_at > now()))
    if row is None:
        raise NotInCatalogError(f"export {id[:60]!r} is unknown, another user's, or expired; start a new one")
    return _export(row)


def count_approved(s: Session, output_ids: Sequence[int]) -> int:
    """Count those of the outputs that are approved now."""
    rows = select(func.count()).select_from(Output).where(Output.decision == "approved")
    return sum(s.scalar(rows.where(Output.id.in_(part))) or 0 for part in chunks(output_ids))


def exports_page(s: Session, user_id: int, *, after: str | None, limit: int) -> Page[ExportView]:
    """List a user's exports that have not expired, the newest first."""
    rows = select(Export).where(Export.user_id == user_id, Export.expires_at > now())
    if after is not None:
        rows = rows.where(Export.number < values_of(after, int)[0])
    found = s.scalars(rows.order_by(Export.number.desc()).limit(limit)).all()
    return Page([_export(row) for row in found], cursor([found[-1].number]) if len(found) == limit else None)


def _export(row: Export) -> ExportView:
    return ExportView(
        id=row.id,
        user_id=row.user_id,
        filter=row.filter,
        options=row.options,
        output_ids=row.outputs["ids"],
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
