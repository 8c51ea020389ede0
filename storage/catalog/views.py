"""Reads for people and flows: functions of a session from `Catalog.read()` that hand back frozen records."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, and_, func, select
from sqlalchemy.orm import Session

from storage.catalog.records import (
    CELL_STATES,
    CellDetail,
    CellState,
    CellView,
    NotInCatalog,
    RunView,
    StatusView,
    SubjectAssets,
    UnscoredOutput,
)
from storage.catalog.schema import Cell, Mask, Output, Profile, Reference, Run, RunCell, Score, Subject
from storage.catalog.sql import chunks


def status(s: Session) -> StatusView:
    """How much there is of everything."""
    states = dict(s.execute(select(Cell.state, func.count()).group_by(Cell.state)).all())
    in_place = select(Output.id).join(Cell, Cell.id == Output.cell_id).where(Cell.state == "generated")
    scored = s.scalar(select(func.count(Score.output_id.distinct())).where(Score.output_id.in_(in_place)))
    subjects = s.scalar(select(func.count()).select_from(Subject))
    return StatusView(subjects=subjects or 0, cells=_every_state(states), scored=scored or 0)


def _every_state(counts: Mapping[CellState, int]) -> dict[CellState, int]:
    return {state: counts.get(state, 0) for state in CELL_STATES}


def recent_runs(s: Session, limit: int = 20) -> list[RunView]:
    """The newest runs, newest first."""
    runs = s.scalars(select(Run).order_by(Run.started_at.desc(), Run.id).limit(limit)).all()
    counts: dict[str, dict[CellState, int]] = defaultdict(dict)
    counted = select(RunCell.run_id, Cell.state, func.count()).join(Cell, Cell.id == RunCell.cell_id)
    counted = counted.where(RunCell.run_id.in_([run.id for run in runs])).group_by(RunCell.run_id, Cell.state)
    for run_id, state, count in s.execute(counted):
        counts[run_id][state] = count
    return [
        RunView(r.id, r.name, r.state, r.flow_run_id, r.started_at, r.finished_at, _every_state(counts[r.id]))
        for r in runs
    ]


def subject_assets(s: Session, subject_name: str) -> SubjectAssets:
    """The subject with its current reference and that one's current mask; NotInCatalog if it has no reference yet."""
    found = s.execute(
        select(Subject, Reference, Mask)
        .join(Reference, Reference.subject_id == Subject.id)
        .outerjoin(Mask, Mask.reference_id == Reference.id)
        .where(Subject.name == subject_name)
        .order_by(Reference.turn.desc(), Mask.turn.desc())
        .limit(1)
    ).first()
    if found is None:
        raise NotInCatalog(f"subject {subject_name!r} has no reference in the catalog; ingest it first")
    subject, reference = found[0], found[1]
    mask: Mask | None = found[2]  # an outer join
    of_mask = (None,) * 4 if mask is None else (mask.id, mask.mask_sha256, mask.confidence, mask.doubtful)
    return SubjectAssets(
        subject.id, subject.class_word, subject.style, reference.id, reference.image_sha256, reference.caption, *of_mask
    )


def cells_of_run(s: Session, run_id: str) -> list[CellView]:
    """The run's cells in the order of its grid."""
    chosen = _cells().join(RunCell, RunCell.cell_id == Cell.id).where(RunCell.run_id == run_id)
    rows = s.execute(chosen.order_by(RunCell.position)).all()
    scores = _scores(s, [row.output_id for row in rows if row.output_id is not None])
    return [CellView(**_cell_fields(row, scores)) for row in rows]


def cell(s: Session, digest: str) -> CellDetail:
    """One cell with its settings and lineage; NotInCatalog if there is none of that digest."""
    lineage = (
        _cells()
        .add_columns(Cell.settings, Cell.attempts, Cell.owner, Cell.lease_expires_at, Profile.weights_digest)
        .add_columns(Reference.image_sha256.label("reference_sha256"), Mask.mask_sha256, Profile.name.label("profile"))
        .join(Reference, Reference.id == Cell.reference_id)
        .outerjoin(Mask, Mask.id == Cell.mask_id)
        .join(Profile, Profile.id == Cell.profile_id)
    )
    row = s.execute(lineage.where(Cell.digest == digest)).first()
    if row is None:
        raise NotInCatalog(f"cell {digest!r} is not in the catalog; `cells_of_run` lists the digests of a run")
    return CellDetail(**_cell_fields(row, _scores(s, [] if row.output_id is None else [row.output_id])))


def unscored(s: Session, run_id: str, metric: str, version: str) -> list[UnscoredOutput]:
    """The run's generated outputs that `metric` in this `version` has not scored, one reference after the other."""
    done = select(Score.id).where(Score.output_id == Output.id, Score.metric == metric, Score.version == version)
    rows = s.execute(
        select(Output.id, Cell.digest, Output.image_sha256, Cell.prompt, Reference.id, Reference.image_sha256)
        .add_columns(Mask.mask_sha256)
        .join(Cell, and_(Cell.id == Output.cell_id, Cell.state == "generated"))
        .join(RunCell, RunCell.cell_id == Cell.id)
        .join(Reference, Reference.id == Cell.reference_id)
        .outerjoin(Mask, Mask.id == Cell.mask_id)
        .where(RunCell.run_id == run_id, ~done.exists())
        .order_by(Reference.id, RunCell.position)
    ).all()
    return [UnscoredOutput(*row) for row in rows]


def _cells() -> Select[*tuple[Any, ...]]:
    """Cells with subject and output; the output of a cell that is not generated (any more) is not shown."""
    columns = (Cell.digest, Cell.state, Subject.name.label("subject_name"), Cell.prompt, Cell.pose, Cell.seed)
    there = and_(Output.cell_id == Cell.id, Cell.state == "generated")
    chosen: Select[*tuple[Any, ...]] = select(*columns, Cell.error, Output.id.label("output_id"), Output.image_sha256)
    return chosen.select_from(Cell).join(Subject, Subject.id == Cell.subject_id).outerjoin(Output, there)


def _cell_fields(row: Row[*tuple[Any, ...]], scores: Mapping[int, Mapping[str, float]]) -> dict[str, Any]:
    return dict(row._mapping) | {"scores": scores.get(row.output_id, {})}


def _scores(s: Session, output_ids: Sequence[int]) -> dict[int, dict[str, float]]:
    """Of each output, each metric's value in the version scored last."""
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for part in chunks(output_ids):
        rows = select(Score.output_id, Score.metric, Score.value).where(Score.output_id.in_(part))
        for output_id, metric, value in s.execute(rows.order_by(Score.created_at, Score.id)):
            found[output_id][metric] = value
    return dict(found)
