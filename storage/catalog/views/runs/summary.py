"""Totals of the catalog, and the most recent runs."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.records import CELL_STATES, CellState, RunView, StatusView, spec_digest
from storage.catalog.schema import Cell, Output, Reference, Run, RunCell, Score, Subject


def status(s: Session) -> StatusView:
    """Count subjects, cells by state, and scored cells."""
    states = dict(s.execute(select(Cell.state, func.count()).group_by(Cell.state)).all())
    in_place = select(Output.id).join(Cell, Cell.id == Output.cell_id).where(Cell.state == "generated")
    scored = s.scalar(select(func.count(Score.output_id.distinct())).where(Score.output_id.in_(in_place)))
    subjects = s.scalar(select(func.count()).select_from(Subject))
    references = s.scalar(select(func.count()).select_from(Reference)) or 0
    return StatusView(subjects=subjects or 0, cells=_every_state(states), scored=scored or 0, references=references)


def _every_state(counts: Mapping[CellState, int]) -> dict[CellState, int]:
    return {state: counts.get(state, 0) for state in CELL_STATES}


def recent_runs(s: Session, limit: int = 20) -> list[RunView]:
    """List the most recent runs, newest first."""
    runs = s.scalars(select(Run).order_by(Run.started_at.desc(), Run.id).limit(limit)).all()
    counts: dict[str, dict[CellState, int]] = defaultdict(dict)
    counted = select(RunCell.run_id, Cell.state, func.count()).join(Cell, Cell.id == RunCell.cell_id)
    counted = counted.where(RunCell.run_id.in_([run.id for run in runs])).group_by(RunCell.run_id, Cell.state)
    for run_id, state, count in s.execute(counted):
        counts[run_id][state] = count
    return [_run_view(run, counts[run.id]) for run in runs]


def _run_view(run: Run, counts: Mapping[CellState, int]) -> RunView:
    return RunView(
        id=run.id,
        name=run.name,
        state=run.state,
        flow_run_id=run.flow_run_id,
        started_at=run.started_at,
        finished_at=run.finished_at,
        cells=_every_state(counts),
        spec_digest=spec_digest(run.spec),
        reason=run.reason,
        refused=run.refused or {},
    )


def sheet_of(s: Session, key: str) -> tuple[str, str] | None:
    """Return the newest run whose contact sheet has this content key, and the sheet's SHA-256, or None."""
    found = select(Run.id, Run.sheet_sha256).where(Run.sheet_key == key, Run.sheet_sha256.is_not(None))
    row = s.execute(found.order_by(Run.started_at.desc()).limit(1)).first()
    return None if row is None or row.sheet_sha256 is None else (row.id, row.sheet_sha256)


def crashed_flow_runs(s: Session, limit: int = 50) -> dict[str, datetime]:
    """Map the orchestrator's ids of the most recent crashed runs, newest first, to when each was last heard of."""
    seen = func.coalesce(Run.seen_at, Run.started_at, type_=Run.started_at.type)
    crashed = select(Run.flow_run_id, seen).where(Run.state == "crashed", Run.flow_run_id.is_not(None))
    rows = s.execute(crashed.order_by(Run.started_at.desc(), Run.id).limit(limit)).all()
    return {str(flow_run_id): at for flow_run_id, at in rows}
