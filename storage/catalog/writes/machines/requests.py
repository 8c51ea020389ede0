"""Orders, uploads and exports of a user's programs; the same one again changes nothing."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into, instant
from storage.catalog.schema import Export, Order, Upload

UPLOADS_KEPT = timedelta(hours=24)
EXPORTS_KEPT = timedelta(days=7)


def add_order(s: Session, *, id: str, user_id: int) -> None:
    """Record that a user's program ordered a run."""
    row = {"id": id, "user_id": user_id, "created_at": instant(s)}
    s.execute(insert_into(s, Order).values(row).on_conflict_do_nothing())


def close_orders(s: Session, ids: Sequence[str]) -> None:
    """Record that these orders have begun, or ended without beginning."""
    s.execute(update(Order).where(Order.id.in_(ids), Order.closed_at.is_(None)).values(closed_at=instant(s)))


def add_upload(s: Session, *, user_id: int, sha256: str, content_type: str, size: int, width: int, height: int) -> None:
    """Record an upload; one that is sent again is kept for longer. Expired ones are forgotten."""
    at = instant(s)
    s.execute(delete(Upload).where(Upload.user_id == user_id, Upload.expires_at < at))
    row: dict[str, Any] = {"user_id": user_id, "sha256": sha256, "content_type": content_type, "size": size}
    row |= {"width": width, "height": height, "created_at": at, "expires_at": at + UPLOADS_KEPT}
    again = {"expires_at": at + UPLOADS_KEPT}
    keys = [Upload.user_id, Upload.sha256]
    s.execute(insert_into(s, Upload).values(row).on_conflict_do_update(index_elements=keys, set_=again))


def add_export(
    s: Session,
    *,
    id: str,
    user_id: int,
    filter: Mapping[str, Any],
    options: Mapping[str, Any],
    output_ids: Sequence[int],
) -> None:
    """Record an export under an id that its maker chose. Expired ones are forgotten."""
    at = instant(s)
    s.execute(delete(Export).where(Export.user_id == user_id, Export.expires_at < at))
    row: dict[str, Any] = {"id": id, "user_id": user_id, "filter": dict(filter), "options": dict(options)}
    row |= {"outputs": {"ids": list(output_ids)}, "created_at": at, "expires_at": at + EXPORTS_KEPT}
    s.execute(insert_into(s, Export).values(row).on_conflict_do_nothing(index_elements=[Export.id]))
