"""Cells, individually and by run."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, and_, func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.records import CellDetail, CellState, CellView, NotInCatalogError
from storage.catalog.schema import Cell, CellControl, CellSubject, Mask, Output, Profile, Reference, RunCell, Subject
from storage.catalog.views.output_subjects import first_seen
from storage.catalog.views.scores import scores_of, scores_of_run


def cells_of_run(s: Session, run_id: str, *, scores: bool = True) -> list[CellView]:
    """List the run's cells in grid order, each under the subject that the run requested it for.

    Without `scores` the query is faster, and the scores are empty.
    """
    rows = s.execute(_of_run(run_id)).all()
    found = scores_of_run(s, run_id) if scores else {}
    return [CellView(**_cell_fields(row, found)) for row in rows]


def missing_of_run(s: Session, run_id: str) -> list[CellView]:
    """List the cells of the run that are not generated, in grid order."""
    rows = s.execute(_of_run(run_id).where(Cell.state != "generated"))
    return [CellView(**_cell_fields(row, {})) for row in rows]


def cell(s: Session, digest: str) -> CellDetail:
    """Return one cell with its settings and lineage. Raises NotInCatalogError."""
    found = cells(s, [digest])
    if not found:
        raise NotInCatalogError(f"cell {digest!r} is not in the catalog; `cells_of_run` lists the digests of a run")
    return found[0]


def digests_beginning(s: Session, beginnings: Sequence[str]) -> list[str]:
    """Return the digest of the one cell that begins with each of these hex digits, in this order, omitting others."""
    found: list[str] = []
    for one in beginnings:
        part = s.scalars(select(Cell.digest).where(Cell.digest >= one, Cell.digest < f"{one}g").limit(2)).all()
        found += part if len(part) == 1 else []
    return found


def cells(s: Session, digests: Sequence[str]) -> list[CellDetail]:
    """Return the cells with these digests, in this order, with settings and lineage, omitting unknown ones."""
    shown = and_(CellSubject.cell_id == Cell.id, CellSubject.subject_id == first_seen(Cell.id, Cell.subject_id))
    lineage = (
        _cells()
        .add_columns(Cell.settings, Cell.attempts, Cell.owner, Cell.lease_expires_at, Profile.weights_digest)
        .add_columns(Cell.reference_pose, Cell.reference_depth)
        .add_columns(Reference.image_sha256.label("reference_sha256"), Mask.mask_sha256, Profile.name.label("profile"))
        .join(CellSubject, shown)
        .join(Subject, Subject.id == CellSubject.subject_id)
        .join(Reference, Reference.id == CellSubject.reference_id)
        .outerjoin(Mask, Mask.id == CellSubject.mask_id)
        .join(Profile, Profile.id == Cell.profile_id)
    )
    rows = [row for part in chunks(digests) for row in s.execute(lineage.where(Cell.digest.in_(part)))]
    scores = scores_of(s, [row.output_id for row in rows if row.output_id is not None])
    controls = _controls(s, [row.digest for row in rows])
    found = {row.digest: CellDetail(**_cell_fields(row, scores) | controls.get(row.digest, {})) for row in rows}
    return [found[digest] for digest in dict.fromkeys(digests) if digest in found]


def _controls(s: Session, digests: Sequence[str]) -> dict[str, dict[str, dict[str, str]]]:
    """Return the control images of the cells that have any of other kinds than pose and depth, by digest."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    columns = (Cell.digest, CellControl.of_reference, CellControl.kind, CellControl.image_sha256)
    for part in chunks(digests):
        rows = s.execute(select(*columns).join(Cell, Cell.id == CellControl.cell_id).where(Cell.digest.in_(part)))
        for digest, of_reference, kind, sha256 in rows:
            named = found.setdefault(digest, {"controls": {}, "reference_controls": {}})
            named["reference_controls" if of_reference else "controls"][kind] = sha256
    return found


def cell_states_of(s: Session, digests: Sequence[str]) -> dict[str, CellState]:
    """Return the states of the cells by digest, omitting unknown ones."""
    states: dict[str, CellState] = {}
    for part in chunks(digests):
        states.update(s.execute(select(Cell.digest, Cell.state).where(Cell.digest.in_(part))).all())
    return states


def _of_run(run_id: str) -> Select[*tuple[Any, ...]]:
    """Select the cells of a run in grid order, each with the subject that it was requested for."""
    requested_for = func.coalesce(RunCell.subject_id, Cell.subject_id)
    chosen = _cells().join(RunCell, RunCell.cell_id == Cell.id).join(Subject, Subject.id == requested_for)
    return chosen.where(RunCell.run_id == run_id).order_by(RunCell.position)


def _cells() -> Select[*tuple[Any, ...]]:
    """Select cells, to be joined with a subject, and the outputs of generated ones."""
    columns = (Cell.digest, Cell.state, Subject.name.label("subject_name"), Cell.prompt, Cell.pose, Cell.depth)
    there = and_(Output.cell_id == Cell.id, Cell.state == "generated")
    chosen: Select[*tuple[Any, ...]] = select(*columns, Cell.seed, Cell.error, Cell.failures)
    chosen = chosen.add_columns(Cell.settings["frames"].as_string().is_not(None).label("uses_earlier_frames"))
    chosen = chosen.add_columns(Output.id.label("output_id"), Output.image_sha256)
    return chosen.select_from(Cell).outerjoin(Output, there)


def _cell_fields(row: Row[*tuple[Any, ...]], scores: Mapping[int, Mapping[str, float]]) -> dict[str, Any]:
    return dict(row._mapping) | {"scores": scores.get(row.output_id, {})}
