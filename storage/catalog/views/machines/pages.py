"""Runs, subjects, and the cells of a run, in pages that rows added meanwhile do not shift."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select, tuple_
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records
from storage.catalog.records import CellState, Decision, RunState
from storage.catalog.schema import Cell, Output, Run, RunCell, Subject
from storage.catalog.views.machines.cursor import cursor, time_of, values_of
from storage.catalog.views.pages import Page
from storage.catalog.views.scores import scores_of


@dataclass(frozen=True)
class RunRow:
    """A run in a list. `cells`: their number by state at its end; None: it is in progress."""

    id: str
    name: str
    state: RunState
    reason: str | None
    flow_run_id: str | None
    started_at: datetime
    finished_at: datetime | None
    cells: Mapping[str, int] | None


@dataclass(frozen=True)
class CellRow:
    """A cell of a run, with its image and the image's decision and current scores if there is one."""

    position: int
    digest: str
    state: CellState
    subject_id: int
    subject: str
    prompt: str
    pose: str | None
    depth: str | None
    seed: int
    error: str | None
    output_id: int | None
    decision: Decision | None
    rating: int | None
    scores: Mapping[str, float]


def runs_page(s: Session, *, after: str | None, limit: int, state: RunState | None = None) -> Page[RunRow]:
    """List runs, the newest first, of one state or of all. Raises CatalogError for an `after` of another page."""
    columns = (Run.id, Run.name, Run.state, Run.reason, Run.flow_run_id, Run.started_at, Run.finished_at)
    rows = select(*columns, Run.ended_with.label("cells")).order_by(Run.started_at.desc(), Run.id.desc())
    if state is not None:
        rows = rows.where(Run.state == state)
    if after is not None:
        at, last = values_of(after, str, str)
        rows = rows.where(tuple_(Run.started_at, Run.id) < tuple_(time_of(at), str(last)))
    found = as_records(RunRow, s.execute(rows.limit(limit)))
    full = len(found) == limit
    return Page(found, cursor([found[-1].started_at.isoformat(), found[-1].id]) if full else None)


def run_known_as(s: Session, id: str) -> str | None:
    """Return the id of the run with this id, or of the one that began for the order of this id; None: neither."""
    found = s.scalar(select(Run.id).where(Run.id == id))
    return found or s.scalar(select(Run.id).where(Run.flow_run_id == id))


def cells_page(s: Session, run_id: str, *, after: str | None, limit: int) -> Page[CellRow]:
    """List the cells of a run in grid order. Raises CatalogError for an `after` of another page."""
    requested_for = func.coalesce(RunCell.subject_id, Cell.subject_id)
    there = and_(Output.cell_id == Cell.id, Cell.state == "generated")
    columns: tuple[Any, ...] = (RunCell.position, Cell.digest, Cell.state, Subject.id.label("subject_id"))
    columns += (Subject.name.label("subject"), Cell.prompt, Cell.pose, Cell.depth, Cell.seed, Cell.error)
    columns += (Output.id.label("output_id"), Output.decision, Output.rating)
    rows = select(*columns).select_from(RunCell).join(Cell, Cell.id == RunCell.cell_id)
    rows = rows.join(Subject, Subject.id == requested_for).outerjoin(Output, there)
    rows = rows.where(RunCell.run_id == run_id).order_by(RunCell.position).limit(limit)
    if after is not None:
        (position,) = values_of(after, int)
        rows = rows.where(RunCell.position > position)
    cells = s.execute(rows).all()
    scores = scores_of(s, [row.output_id for row in cells if row.output_id is not None])
    found = [CellRow(**row._mapping, scores=scores.get(row.output_id, {})) for row in cells]
    return Page(found, cursor([found[-1].position]) if len(found) == limit else None)
