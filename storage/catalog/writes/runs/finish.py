"""Finishes cells: stores their images as outputs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.orm import Session

from storage.catalog.claims import RELEASED
from storage.catalog.database.sql import chunks
from storage.catalog.records import CellPicture, LeaseLostError, NotInCatalogError
from storage.catalog.schema import Cell, LineageEvent, Output, Score, SubjectScore
from storage.catalog.writes.blobs import require_blobs
from storage.catalog.writes.ids import next_id
from storage.catalog.writes.runs.links import link_outputs
from storage.catalog.writes.runs.spent import change_spent

_DONE: dict[str, Any] = {"state": "generated", "error": None, "failures": 0} | RELEASED


def finish_cell(
    s: Session, digest: str, *, owner: str, image_sha256: str, width: int, height: int, run_id: str | None = None
) -> int:
    """Finish one cell and return its output id; see `finish_cells`. Raises LeaseLostError if it is not this owner's."""
    if not finish_cells(s, [CellPicture(digest, image_sha256, width, height)], owner=owner, run_id=run_id):
        cell = s.execute(select(Cell.state, Cell.owner).where(Cell.digest == digest)).first()
        if cell is None:
            raise NotInCatalogError(f"cell {digest!r} is not in the catalog; plan_cells(...) enters it")
        held = f"cell {digest} is {cell.state}, leased by {cell.owner}, not by {owner}"
        raise LeaseLostError(f"{held}; claim it again or drop it")
    return s.scalars(select(Output.id).join(Cell, Cell.id == Output.cell_id).where(Cell.digest == digest)).one()


def finish_cells(
    s: Session, pictures: Sequence[CellPicture], *, owner: str, run_id: str | None = None, device: str | None = None
) -> list[str]:
    """Enter recorded images as the outputs of their cells; return the digests of the cells that have them.

    Idempotent, also for an owner that lost its lease but generated the same image. Other cells that this owner does
    not lease are left unchanged and omitted. If a lost image is regenerated and differs, its old scores are deleted
    and its decision is reset. `run_id` is the run that generated them, on a device of the class `device`.
    """
    require_blobs(s, "image_sha256", [one.image_sha256 for one in pictures])
    by_digest = {one.digest: one for one in pictures}
    done: set[str] = set()
    for part in chunks(sorted(by_digest)):  # in one order for all, to avoid deadlocks
        done |= _finish(s, {digest: by_digest[digest] for digest in part}, owner, run_id, device)
    return [digest for digest in by_digest if digest in done]


def _finish(
    s: Session, pictures: dict[str, CellPicture], owner: str, run_id: str | None, device: str | None
) -> set[str]:
    chosen = select(Cell.id, Cell.digest, Cell.state, Cell.owner, Cell.subject_id).where(Cell.digest.in_(pictures))
    rows = s.execute(chosen.order_by(Cell.digest).with_for_update()).all()
    before = select(Output).where(Output.cell_id.in_([row.id for row in rows]))
    outputs = {one.cell_id: one for one in s.scalars(before.execution_options(populate_existing=True))}
    ours = [row for row in rows if row.state == "generating" and row.owner == owner]
    there = {
        row.digest
        for row in rows
        if row.state == "generated"
        and row.id in outputs
        and outputs[row.id].image_sha256 == pictures[row.digest].image_sha256
    }
    if ours:
        _enter(s, ours, pictures, outputs, run_id)
        change_spent(s, {row.id: pictures[row.digest].device_seconds for row in ours}, device, _DONE)
        s.execute(insert(LineageEvent), [_event(pictures[row.digest], owner, run_id) for row in ours])
    return there | {row.digest for row in ours}


def _enter(
    s: Session,
    cells: Sequence[Row[*tuple[Any, ...]]],
    pictures: dict[str, CellPicture],
    outputs: dict[int, Output],
    run_id: str | None,
) -> None:
    """Insert new outputs in bulk and update existing ones individually."""
    new = []
    for cell in cells:
        one, output = pictures[cell.digest], outputs.get(cell.id)
        news = {"image_sha256": one.image_sha256, "width": one.width, "height": one.height, "run_id": run_id}
        if output is None:
            new.append({"cell_id": cell.id, "subject_id": cell.subject_id} | news)
            continue
        if output.image_sha256 != one.image_sha256:
            for scores in (SubjectScore, Score):
                s.execute(delete(scores).where(scores.output_id == output.id))
            output.revision, output.decision, output.rating, output.approvals = output.revision + 1, "none", 0, 0
        for name, value in news.items():
            setattr(output, name, value)
    if new:
        first = next_id(s, Output)
        s.execute(insert(Output), [one | {name: id + i for name, id in first.items()} for i, one in enumerate(new)])
        link_outputs(s, [one["cell_id"] for one in new])
    s.flush()


def _event(one: CellPicture, owner: str, run_id: str | None) -> dict[str, Any]:
    detail: dict[str, Any] = {"image_sha256": one.image_sha256, "run_id": run_id}
    detail |= {"made_with": dict(one.made_with)} if one.made_with else {}
    return {"entity": "cell", "entity_id": one.digest, "event": "generated", "actor": owner, "detail": detail}
