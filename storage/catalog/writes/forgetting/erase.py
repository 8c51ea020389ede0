"""Permanently deletes rows in the order of their foreign keys; unreferenced blobs are marked as garbage at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks, insert_into, instant
from storage.catalog.garbage import is_referenced
from storage.catalog.schema import (
    AttentionMap,
    Blob,
    Cell,
    CellControl,
    CellReference,
    CellReferenceControl,
    CellSource,
    CellSubject,
    Fingerprint,
    Forgetting,
    LineageEvent,
    Output,
    OutputLabel,
    Review,
    Run,
    RunCell,
    Score,
    SubjectScore,
    Upload,
    Vote,
    WorkSession,
)
from storage.catalog.writes.ids import retire_ids
from storage.catalog.writes.runs.run import states_of


@dataclass
class Erased:
    """What was deleted. `blobs` are the digests it referenced; `runs` are those whose sheets and files showed it.

    `freed` counts the blobs that are now unreferenced, `bytes` their sizes: `dreamtuner gc` frees them. `shared`
    counts the images that are kept for other subjects, `shared_with` names those subjects.
    """

    subjects: int = 0
    references: int = 0
    masks: int = 0
    annotations: int = 0
    checkpoints: int = 0
    cells: int = 0
    outputs: int = 0
    reviews: int = 0
    shared: int = 0
    freed: int = 0
    bytes: int = 0
    shared_with: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    runs_gone: list[str] = field(default_factory=list)
    trainings: list[str] = field(default_factory=list)
    blobs: set[str] = field(default_factory=set)


def permit(s: Session, entity: str, ids: Iterable[object]) -> None:
    """Permit deleting the append-only rows of these entities, until `end` or the end of the transaction."""
    rows = [{"entity": entity, "entity_id": str(one)} for one in ids]
    for part in chunks([row["entity_id"] for row in rows]):
        insert = insert_into(s, Forgetting).on_conflict_do_nothing()
        s.execute(insert, [{"entity": entity, "entity_id": one} for one in part])


def erase_history(s: Session, entity: str, ids: Sequence[object]) -> None:
    """Delete the history of these rows."""
    permit(s, entity, ids)
    for part in chunks([str(one) for one in ids]):
        events = delete(LineageEvent).where(LineageEvent.entity == entity, LineageEvent.entity_id.in_(part))
        _run(s, events)


def with_edits(s: Session, cell_ids: Iterable[int]) -> list[int]:
    """Return the cells, and those whose pictures were edited from theirs, from these, and so on.

    An edit may hold the pixels of what it was made from. The other images of a set are not among them: they see its
    first one, and show nothing of it but what it has in common with the subject.
    """
    found = list(dict.fromkeys(cell_ids))
    new = found
    while new:
        edits: list[int] = []
        for part in chunks(new):
            of_part = select(CellSource.cell_id).where(CellSource.source_id.in_(part), CellSource.role == "edit")
            edits += s.scalars(of_part.order_by(CellSource.cell_id))
        known = set(found)
        new = [one for one in dict.fromkeys(edits) if one not in known]
        found += new
    return found


def erase_cells(s: Session, cell_ids: Sequence[int], erased: Erased) -> None:
    """Delete the cells with their outputs and dependents, and list the runs that requested them."""
    for part in chunks(cell_ids):
        asked = select(RunCell.run_id).where(RunCell.cell_id.in_(part)).distinct()
        erased.runs += [one for one in s.scalars(asked) if one not in erased.runs]
        layouts = (Cell.pose, Cell.depth, Cell.reference_pose, Cell.reference_depth)
        cells = s.execute(select(Cell.digest, *layouts).where(Cell.id.in_(part))).all()
        outputs = s.execute(select(Output.id, Output.image_sha256).where(Output.cell_id.in_(part))).all()
        ids = [row.id for row in outputs]
        maps = s.scalars(select(AttentionMap.map_sha256).where(AttentionMap.output_id.in_(ids))).all()
        erased.blobs.update(one for row in cells for one in row[1:] if one is not None)
        for controls in (CellControl, CellReferenceControl):
            erased.blobs.update(s.scalars(select(controls.image_sha256).where(controls.cell_id.in_(part))))
        erased.blobs.update([*(row.image_sha256 for row in outputs), *maps])
        erase_history(s, "cell", [row.digest for row in cells])
        permit(s, "output", ids)
        reviews = s.scalar(select(func.count()).select_from(Review).where(Review.output_id.in_(ids))) or 0
        for table in (AttentionMap, SubjectScore, Score, OutputLabel, Review):
            _run(s, delete(table).where(table.output_id.in_(ids)))
        _run(s, delete(Vote).where(or_(Vote.winner_id.in_(ids), Vote.loser_id.in_(ids))))
        _run(s, delete(CellSource).where(CellSource.source_id.in_(part)))
        for linked in (CellSource, CellReference, CellReferenceControl, CellSubject, CellControl, RunCell, Output):
            _run(s, delete(linked).where(linked.cell_id.in_(part)))
        _run(s, delete(Cell).where(Cell.id.in_(part)))
        retire_ids(s, Output, ids)
        erased.cells += len(cells)
        erased.outputs += len(ids)
        erased.reviews += reviews


def clear_runs(s: Session, run_ids: Sequence[str], erased: Erased) -> None:
    """Remove the contact sheets of these runs and recount their cells."""
    for run_id in run_ids:
        run = s.get(Run, run_id)
        if run is None:
            continue
        if run.sheet_sha256 is not None:
            erased.blobs.add(run.sheet_sha256)
            run.sheet_sha256 = run.sheet_key = None
        if run.state != "running":
            run.ended_with = states_of(s, run_id)
        s.flush()


def erase_run(s: Session, run_id: str, erased: Erased) -> None:
    """Delete the run's row; cells and images that other runs requested are kept."""
    clear_runs(s, [run_id], erased)
    _run(s, delete(RunCell).where(RunCell.run_id == run_id))
    for made in (Output, WorkSession):  # what was spent stays in the totals
        _run(s, update(made).where(made.run_id == run_id).values(run_id=None))
    erase_history(s, "run", [run_id])
    _run(s, delete(Run).where(Run.id == run_id))
    erased.runs_gone.append(run_id)


def end(s: Session, erased: Erased) -> None:
    """Mark the blobs that are now unreferenced as garbage, and revoke all permissions."""
    s.flush()
    at = instant(s)
    for part in chunks(sorted(erased.blobs)):
        # else the same bytes would be spared for a day, see `is_kept`
        _run(s, delete(Upload).where(Upload.sha256.in_(part), ~_is_used(Upload.sha256)))
        left = update(Blob).where(Blob.sha256.in_(part), ~is_referenced()).values(marked_at=at).returning(Blob.size)
        _run(s, delete(Fingerprint).where(Fingerprint.image_sha256.in_(part), ~_is_used(Fingerprint.image_sha256)))
        sizes = s.scalars(left, execution_options={"synchronize_session": False}).all()
        erased.freed, erased.bytes = erased.freed + len(sizes), erased.bytes + sum(sizes)
    _run(s, delete(Forgetting))


def _is_used(sha256: Any) -> Any:
    """Build the condition that some row references the image of the column `sha256`."""
    return exists().where(Blob.sha256 == sha256, is_referenced())


def _run(s: Session, statement: Any) -> None:
    s.execute(statement, execution_options={"synchronize_session": False})
