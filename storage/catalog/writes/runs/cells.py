"""Cells: claimed by one owner at a time, then failed, released or lost; `finish.py` finishes them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, select, update
from sqlalchemy.orm import Session

from storage.catalog.claims import MAX_ERROR_LENGTH, RELEASED, abandoned, claimable, leased
from storage.catalog.database.sql import chunks, instant
from storage.catalog.records import CatalogError
from storage.catalog.schema import Cell, Output
from storage.catalog.writes.lineage import record_event, record_events
from storage.catalog.writes.runs.spent import spent


def claim_cells(s: Session, digests: Sequence[str], owner: str, lease_seconds: float) -> list[str]:
    """Claim the cells that are not leased or generated; return their digests in the given order.

    Claimable are planned and lost cells, failed ones with fewer than MAX_FAILURES failures, and generating ones whose
    lease expired or whose owner was a process of this machine that has died. Of several claimants exactly one gets a
    cell, and none waits for another. Unknown digests are omitted. Leases use the database's clock.
    """
    if not owner or lease_seconds < 0:
        raise CatalogError(
            f"owner {owner!r} and lease_seconds {lease_seconds}: pass this_owner() and a lease of 0 or more"
        )
    at = instant(s)
    news = {"state": "generating", "error": None, "attempts": Cell.attempts + 1} | leased(owner, at, lease_seconds)
    before = _change(s, digests, claimable(s, at), news, wait=False)
    for held in {row.owner for row in before if row.owner is not None}:
        taken = [row.digest for row in before if row.owner == held]
        record_events(s, "cell", taken, "taken over", actor=owner, held_by=held)
    return _in_order(digests, before)


def renew_lease(s: Session, digests: Sequence[str], owner: str, lease_seconds: float) -> list[str]:
    """Renew the leases for `lease_seconds` from now. Returns the cells still leased: stop work on all others."""
    return _in_order(digests, _change(s, digests, _held_by(owner), leased(owner, instant(s), lease_seconds)))


def mark_cells_lost(s: Session, digests: Sequence[str]) -> list[str]:
    """Record that the images of these generated cells are gone from the store; they may be claimed again."""
    lost = _in_order(digests, _change(s, digests, Cell.state == "generated", {"state": "lost"} | RELEASED))
    record_events(s, "cell", lost, "lost")
    return lost


def mark_pictures_lost(s: Session, image_sha256s: Sequence[str]) -> list[str]:
    """Do the same for the cells whose images are these blobs; return the cells' digests."""
    chosen = select(Cell.digest).join(Output, Output.cell_id == Cell.id).where(Cell.state == "generated")
    of_part = (chosen.where(Output.image_sha256.in_(part)) for part in chunks(image_sha256s))
    return mark_cells_lost(s, [digest for statement in of_part for digest in s.scalars(statement)])


def release_cells(s: Session, digests: Sequence[str], *, owner: str, reason: str | None = None) -> list[str]:
    """Release the cells that `owner` leases, so that they are planned again; return their digests.

    `reason`: why they could not be generated there, if it is not a failure of their own.
    """
    news = {"state": "planned", "error": reason and reason[:MAX_ERROR_LENGTH]} | RELEASED
    return _in_order(digests, _change(s, digests, _held_by(owner), news))


def release_abandoned(s: Session) -> list[str]:
    """Release the cells of expired leases and dead processes of this machine; return their digests."""
    digests = s.scalars(select(Cell.digest).where(abandoned(s, instant(s))).order_by(Cell.digest)).all()
    if not digests:
        return []
    where = abandoned(s, instant(s))
    return _in_order(digests, _change(s, digests, where, {"state": "planned"} | RELEASED, wait=False))


def fail_cell(
    s: Session, digest: str, *, owner: str, error: str, device_seconds: float | None = None, device: str | None = None
) -> bool:
    """Record why the cell failed, and what its attempts took.

    Returns False, and changes nothing, if this owner no longer leases it.
    """
    reason = error[:MAX_ERROR_LENGTH]
    news = (
        {"state": "failed", "error": reason, "failures": Cell.failures + 1} | RELEASED | spent(device_seconds, device)
    )
    failed = bool(_change(s, [digest], _held_by(owner), news))
    if failed:
        record_event(s, "cell", digest, "failed", actor=owner, error=reason)
    return failed


def _held_by(owner: str) -> ColumnElement[bool]:
    return and_(Cell.state == "generating", Cell.owner == owner)


def _change(
    s: Session, digests: Sequence[str], where: ColumnElement[bool], news: dict[str, Any], *, wait: bool = True
) -> list[Row[int, str, str | None]]:
    """Update the cells among `digests` that satisfy `where`; return their ids, digests and previous owners.

    The rows are locked first, in one order for all to avoid deadlocks. Without `wait`, locked rows are skipped.
    """
    found: list[Row[int, str, str | None]] = []
    for part in chunks(sorted(digests)):
        chosen = select(Cell.id, Cell.digest, Cell.owner).where(Cell.digest.in_(part), where).order_by(Cell.digest)
        rows = s.execute(chosen.with_for_update(skip_locked=not wait)).all()
        if rows:
            changed = update(Cell).where(Cell.id.in_([row.id for row in rows])).values(news)
            s.execute(changed.execution_options(synchronize_session=False))
        found += rows
    return found


def _in_order(digests: Sequence[str], rows: Sequence[Row[int, str, str | None]]) -> list[str]:
    changed = {row.digest for row in rows}
    return [digest for digest in dict.fromkeys(digests) if digest in changed]
