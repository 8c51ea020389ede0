"""Plans the cells of runs; each cell is planned once, whichever runs request it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks, insert_into
from storage.catalog.records import CellRecord, PlanResult
from storage.catalog.schema import Cell, CellControl, CellReferenceControl, CellSource, RunCell
from storage.catalog.writes.runs.links import link_cells, reference_position
from storage.catalog.writes.runs.run import lock_run


def plan_cells(s: Session, run_id: str, cells: Sequence[CellRecord]) -> PlanResult:
    """Plan the run's cells in grid order; existing digests are not inserted again.

    `existing` holds cells in every state, also planned or failed ones of an earlier run: to generate what is missing,
    claim all digests of the plan, and claim_cells omits generated ones. A digest may occur several times, for several
    subjects: the cell belongs to the first and is linked to all. Failures of cells that are new to this run are reset.
    """
    lock_run(s, run_id)
    by_digest: dict[str, CellRecord] = {}
    for cell in cells:
        by_digest.setdefault(cell.digest, cell)
    ids: dict[str, int] = {}
    new: set[str] = set()
    for part in chunks(sorted(by_digest)):  # sorted, to avoid deadlocks between plans that share cells
        ids |= _ids(s, part)
        rows = [_row(by_digest[digest]) for digest in part if digest not in ids]
        if rows:
            entered = insert_into(s, Cell).on_conflict_do_nothing(index_elements=[Cell.digest]).returning(Cell.digest)
            new.update(s.scalars(entered, rows))
            ids |= _ids(s, [row["digest"] for row in rows])
    _enter_controls(s, [by_digest[digest] for digest in sorted(new)], ids)
    _enter_sources(s, [by_digest[digest] for digest in sorted(new)], ids)
    link_cells(s, cells, ids, new)
    _join(s, run_id, {ids[digest]: cell.subject_id for digest, cell in by_digest.items()})
    return PlanResult([d for d in by_digest if d in new], [d for d in by_digest if d not in new])


def _ids(s: Session, digests: Sequence[str]) -> dict[str, int]:
    return dict(s.execute(select(Cell.digest, Cell.id).where(Cell.digest.in_(digests))).all())


def _join(s: Session, run_id: str, cells: Mapping[int, int]) -> None:
    """Append cells, by id with the subject that each is requested for, to the run, whose row is locked.

    Failures of cells that are new to the run are reset.
    """
    there = set(s.scalars(select(RunCell.cell_id).where(RunCell.run_id == run_id)))
    start = s.scalar(select(func.coalesce(func.max(RunCell.position) + 1, 0)).where(RunCell.run_id == run_id)) or 0
    places = [
        {"cell_id": cell_id, "position": start + i, "subject_id": subject_id}
        for i, (cell_id, subject_id) in enumerate(cells.items())
        if cell_id not in there
    ]
    if not places:
        return
    _insert(s, run_id, places)
    joined = select(RunCell.cell_id).where(RunCell.run_id == run_id, RunCell.position >= start)
    failed = update(Cell).where(Cell.state == "failed", Cell.failures > 0, Cell.id.in_(joined)).values(failures=0)
    s.execute(failed.execution_options(synchronize_session=False))


def _insert(s: Session, run_id: str, places: Sequence[Mapping[str, Any]]) -> None:
    if s.get_bind().dialect.name != "postgresql":
        s.connection().execute(insert(RunCell).values(run_id=run_id), places)
        return
    names = ("cell_id", "position", "subject_id")  # an array a column: psycopg would send each row alone
    columns = [func.unnest(cast([row[name] for row in places], ARRAY(BigInteger))) for name in names]
    s.execute(insert(RunCell).from_select(["run_id", *names], select(literal(run_id), *columns)))


_LINKED = ("controls", "reference_controls", "further", "sources", "others")
"""What tables of their own hold of a cell."""


def _row(cell: CellRecord) -> dict[str, Any]:
    columns = {name: value for name, value in vars(cell).items() if name not in _LINKED}
    return columns | {"settings": dict(cell.settings), "state": "planned", "attempts": 0}


def _of_references(cell: CellRecord) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the own control images of all references but the first, by position in the cell."""
    for i, one in enumerate(cell.further, 1):
        yield reference_position(0, i), one.controls
    for place, other in enumerate(cell.others, 1):
        yield reference_position(place, 0), other.controls
        for i, one in enumerate(other.further, 1):
            yield reference_position(place, i), one.controls


def _enter_controls(s: Session, cells: Sequence[CellRecord], ids: Mapping[str, int]) -> None:
    rows = [
        {"cell_id": ids[cell.digest], "kind": kind, "of_reference": of_reference, "image_sha256": sha256}
        for cell in cells
        for of_reference, named in ((False, cell.controls), (True, cell.reference_controls))
        for kind, sha256 in sorted(named.items())
    ]
    if rows:
        s.execute(insert(CellControl), rows)
    further = [
        {"cell_id": ids[cell.digest], "position": position, "kind": kind, "image_sha256": sha256}
        for cell in cells
        for position, controls in _of_references(cell)
        for kind, sha256 in sorted(controls.items())
    ]
    if further:
        s.execute(insert(CellReferenceControl), further)


def _enter_sources(s: Session, cells: Sequence[CellRecord], ids: Mapping[str, int]) -> None:
    """Link new cells to those whose pictures they see; one that was forgotten meanwhile has no link."""
    named = {digest for cell in cells for digest in cell.sources.values()}
    known = dict(ids)
    for part in chunks(sorted(named - known.keys())):
        known |= _ids(s, part)
    rows = [
        {"cell_id": ids[cell.digest], "role": role, "source_id": known[digest]}
        for cell in cells
        for role, digest in sorted(cell.sources.items())
        if digest in known
    ]
    if rows:
        s.execute(insert(CellSource), rows)
