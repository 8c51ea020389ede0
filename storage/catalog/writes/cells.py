"""Cells: planned once, claimed by one owner at a time, then generated, failed or given back."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from storage.catalog.base import now
from storage.catalog.owners import is_gone
from storage.catalog.records import CatalogError, CellRecord, LeaseLost, NotInCatalog, PlanResult
from storage.catalog.schema import Cell, Output, RunCell, Score
from storage.catalog.sql import chunks, insert_into
from storage.catalog.writes.subjects import require_blob

_NOBODY: dict[str, Any] = {"owner": None, "lease_expires_at": None}
MAX_ERROR_LENGTH = 4000  # characters; the whole log belongs to the orchestrator


def plan_cells(s: Session, run_id: str, cells: Sequence[CellRecord]) -> PlanResult:
    """Enter the run's cells in the order of its grid; a cell whose digest is known is not entered again.

    `existing` holds cells in every state, also planned or failed ones of an earlier run: to make what is missing,
    claim all digests of the plan, and claim_cells leaves out what is generated.
    """
    by_digest = {cell.digest: cell for cell in cells}
    ids: dict[str, int] = {}
    new: set[str] = set()
    for part in chunks(list(by_digest)):
        rows = [_row(by_digest[digest]) for digest in part]
        entered = insert_into(s, Cell).on_conflict_do_nothing(index_elements=[Cell.digest]).returning(Cell.digest)
        new.update(s.scalars(entered, rows))
        ids.update(s.execute(select(Cell.digest, Cell.id).where(Cell.digest.in_(part))).all())
    start = s.scalar(select(func.coalesce(func.max(RunCell.position) + 1, 0)).where(RunCell.run_id == run_id)) or 0
    places = [{"run_id": run_id, "cell_id": ids[d], "position": start + i} for i, d in enumerate(by_digest)]
    if places:
        s.execute(insert_into(s, RunCell).on_conflict_do_nothing(), places)
    return PlanResult([d for d in by_digest if d in new], [d for d in by_digest if d not in new])


def _row(cell: CellRecord) -> dict[str, Any]:
    return vars(cell) | {"settings": dict(cell.settings), "state": "planned", "attempts": 0}


def claim_cells(s: Session, digests: Sequence[str], owner: str, lease_seconds: float) -> list[str]:
    """Make those cells this owner's that nobody holds and that are not generated; their digests, in the order given.

    Taken are planned, failed and lost cells, and generating ones whose lease ran out or whose owner was a process of
    this machine that is gone. Of several claimants exactly one gets a cell. Unknown digests are left out.
    """
    if not owner or lease_seconds < 0:
        raise CatalogError(
            f"owner {owner!r} and lease_seconds {lease_seconds}: pass this_owner() and a lease of 0 or more"
        )
    holders = s.scalars(select(Cell.owner).where(Cell.state == "generating").distinct())
    gone = [holder for holder in holders if holder is not None and is_gone(holder)]
    instant = now()
    abandoned = and_(Cell.state == "generating", or_(Cell.lease_expires_at <= instant, Cell.owner.in_(gone)))
    free = or_(Cell.state.in_(("planned", "failed", "lost")), abandoned)
    news = {"state": "generating", "owner": owner, "error": None, "attempts": Cell.attempts + 1}
    return _change(s, digests, free, news | {"lease_expires_at": instant + timedelta(seconds=lease_seconds)})


def renew_lease(s: Session, digests: Sequence[str], owner: str, lease_seconds: float) -> list[str]:
    """Hold on to the cells for `lease_seconds` from now. Returns those still held: stop work on any that is missing."""
    return _change(s, digests, _held_by(owner), {"lease_expires_at": now() + timedelta(seconds=lease_seconds)})


def lose_cells(s: Session, digests: Sequence[str]) -> list[str]:
    """Record that the pictures of these generated cells are gone from the store; they may be claimed again."""
    return _change(s, digests, Cell.state == "generated", {"state": "lost"} | _NOBODY)


def release_cells(s: Session, digests: Sequence[str], *, owner: str) -> list[str]:
    """Give back unfinished cells, on an interrupt: those that `owner` holds are planned again; returns which."""
    return _change(s, digests, _held_by(owner), {"state": "planned"} | _NOBODY)


def fail_cell(s: Session, digest: str, *, owner: str, error: str) -> bool:
    """Record why the cell could not be made. False: it is no longer this owner's and was left as it is."""
    news = {"state": "failed", "error": error[:MAX_ERROR_LENGTH]} | _NOBODY
    return bool(_change(s, [digest], _held_by(owner), news))


def finish_cell(s: Session, digest: str, *, owner: str, image_sha256: str, width: int, height: int) -> int:
    """The output id of the cell, now generated. The picture, width x height pixels, is stored and recorded before.

    Said again, or by an owner that was overtaken and made the same picture, it changes nothing. Raises LeaseLost if the
    cell is not this owner's to finish. When a lost picture is made again and differs, its old scores are dropped.
    """
    require_blob(s, "image_sha256", image_sha256)
    chosen = select(Cell).where(Cell.digest == digest).with_for_update().execution_options(populate_existing=True)
    cell = s.scalar(chosen)
    if cell is None:
        raise NotInCatalog(f"cell {digest!r} is not in the catalog; plan_cells(...) enters it")
    output = s.scalar(select(Output).where(Output.cell_id == cell.id))
    if cell.state == "generated" and output is not None and output.image_sha256 == image_sha256:
        return output.id
    if cell.state != "generating" or cell.owner != owner:
        raise LeaseLost(
            f"cell {digest} is {cell.state}, held by {cell.owner}, not by {owner}; claim it again or drop it"
        )
    if output is None:
        output = Output(cell_id=cell.id)
        s.add(output)
    elif output.image_sha256 != image_sha256:
        s.execute(delete(Score).where(Score.output_id == output.id))
    output.image_sha256, output.width, output.height = image_sha256, width, height
    cell.state, cell.owner, cell.lease_expires_at, cell.error = "generated", None, None, None
    s.flush()
    return output.id


def _held_by(owner: str) -> ColumnElement[bool]:
    return and_(Cell.state == "generating", Cell.owner == owner)


def _change(s: Session, digests: Sequence[str], where: ColumnElement[bool], news: dict[str, Any]) -> list[str]:
    """Update the cells among `digests` that satisfy `where`, each test and change one atomic step; returns which."""
    changed: set[str] = set()
    for part in chunks(digests):
        statement = update(Cell).where(Cell.digest.in_(part), where).values(news).returning(Cell.digest)
        changed.update(s.scalars(statement.execution_options(synchronize_session=False)))
    return [digest for digest in dict.fromkeys(digests) if digest in changed]
