"""Filter choices and capped counts, in bounded time for any number of outputs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, true
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records
from storage.catalog.narrowing import everything, viewer_of
from storage.catalog.records import DECISIONS, CellState, Decision, LabelKind, RunState
from storage.catalog.schema import (
    Cell,
    Checkpoint,
    Label,
    Output,
    OutputLabel,
    Reference,
    Review,
    Run,
    RunCell,
    Score,
    Subject,
)
from storage.catalog.views.review.gallery import COUNTING, WINDOW, Filter, count
from storage.catalog.views.runs.run_trainings import cells_to_come

MOST = 500  # entries of a list
COUNTED = 10_000
NEWEST = 200  # rows of a value that are looked at for one that a narrowed session sees


@dataclass(frozen=True)
class Choices:
    """The choices of each filter. `poses` and `depths` are digests of control images."""

    subjects: Sequence[tuple[int, str]]
    runs: Sequence[tuple[str, str]]
    checkpoints: Sequence[tuple[int, str]]
    poses: Sequence[str]
    reviewers: Sequence[str]
    metrics: Sequence[str]
    depths: Sequence[str] = ()
    tags: Sequence[str] = ()
    collections: Sequence[str] = ()


def choices(s: Session) -> Choices:
    """List the newest MOST choices of each filter."""
    subjects = s.execute(select(Subject.id, Subject.name).order_by(Subject.id.desc()).limit(MOST)).all()
    runs = s.execute(select(Run.id, Run.name).order_by(Run.started_at.desc()).limit(50)).all()
    trained = select(Checkpoint.id, Subject.name).join(Subject, Subject.id == Checkpoint.subject_id)
    checkpoints = s.execute(trained.order_by(Checkpoint.id.desc()).limit(MOST)).all()
    return Choices(
        sorted(((row.id, row.name) for row in subjects), key=lambda pair: pair[1]),
        [(row.id, row.name) for row in runs],
        [(row.id, row.name) for row in checkpoints],
        _seen(s, Cell.pose, Cell.pose.is_not(None)),
        _seen(s, Review.reviewer),
        metrics(s),
        _seen(s, Cell.depth, Cell.depth.is_not(None)),
        labels_seen(s, _distinct(s, Label.name, Label.kind == "tag"), "tag"),
        labels_seen(s, _distinct(s, Label.name, Label.kind == "collection"), "collection"),
    )


def _seen(s: Session, column: Any, *conditions: Any) -> list[str]:
    """List the distinct values of an indexed column; for a narrowed session those of rows that it sees.

    Of each value its NEWEST rows are looked at: it takes bounded time, and omits what was last used there long ago.
    """
    with everything(s):
        found = _distinct(s, column, *conditions)
    if viewer_of(s) is None:
        return found
    of, key = column.class_, column.class_.__table__.c
    newest = [select(key.id).where(key[column.key] == one).order_by(key.id.desc()).limit(NEWEST) for one in found]
    rows = (select(of.id).where(of.id.in_(ids.scalar_subquery())).limit(1) for ids in newest)
    return [one for one, row in zip(found, rows, strict=True) if s.scalar(row) is not None]


def labels_seen(s: Session, names: Sequence[str], kind: LabelKind) -> list[str]:
    """Return those labels of which a narrowed session sees one of the NEWEST outputs; all in another session."""
    if viewer_of(s) is None:
        return list(names)
    return [name for name in names if s.scalar(_labelled(kind, name)) is not None]


def _labelled(kind: LabelKind, name: str) -> Select[int]:
    put, label = OutputLabel.__table__.c, Label.__table__.c
    ids = select(put.output_id).join(Label.__table__, label.id == put.label_id)
    ids = ids.where(label.kind == kind, label.name == name).order_by(put.output_id.desc()).limit(NEWEST)
    return select(Output.id).where(Output.id.in_(ids.scalar_subquery())).limit(1)


def metrics(s: Session) -> list[str]:
    """List the metrics that have scores, by name."""
    return _distinct(s, Score.metric, Score.current == true())


def _distinct(s: Session, column: Any, *conditions: Any) -> list[str]:
    """List the distinct values of an indexed column by a loose index scan."""
    found: list[str] = []
    while len(found) < MOST:
        chosen = select(column).where(*conditions).order_by(column).limit(1)
        one = s.scalar(chosen.where(column > found[-1]) if found else chosen)
        if one is None:
            return found
        found.append(one)
    return found


def decisions(s: Session, wanted: Sequence[Decision] = DECISIONS) -> dict[Decision, int]:
    """Count the outputs in each review state, up to COUNTED + 1; in a narrowed session those that are found in time.

    `wanted`: the states to count; in a narrowed session each takes its time.
    """
    if viewer_of(s) is not None:
        return {one: count(s, Filter(decision=one), most=COUNTED + 1).number for one in wanted}
    return {one: _capped(s, select(Output.id).where(Output.decision == one)) for one in wanted}


def cell_states(s: Session, states: Sequence[CellState]) -> dict[CellState, int]:
    """Count the cells in each of these states, up to COUNTED + 1; in a narrowed session those found in time."""
    if viewer_of(s) is not None:
        return {one: _seen_in_time(s, one) for one in states}
    return {one: _capped(s, select(Cell.id).where(Cell.state == one)) for one in states}


def _seen_in_time(s: Session, state: CellState) -> int:
    """Count the cells in this state that the session sees, the newest first, within COUNTING seconds."""
    until, found, last = time.monotonic() + COUNTING, 0, None
    while True:
        rows = select(Cell.id).where(Cell.state == state)
        rows = rows if last is None else rows.where(Cell.id < last)
        with everything(s):  # a narrowed session may see few of many rows
            last = s.scalar(rows.order_by(Cell.id.desc()).offset(WINDOW - 1).limit(1))
        here = rows if last is None else rows.where(Cell.id >= last)
        found = min(found + _capped(s, here), COUNTED + 1)
        if last is None or found > COUNTED or time.monotonic() >= until:
            return found


def _capped(s: Session, rows: Select[Any]) -> int:
    return s.scalar(select(func.count()).select_from(rows.limit(COUNTED + 1).subquery())) or 0


@dataclass(frozen=True)
class RunProgress:
    """Progress of a run; `done` and `failed` of `total` cells. `reason`: why it did not complete."""

    id: str
    name: str
    state: RunState
    flow_run_id: str | None
    started_at: datetime
    finished_at: datetime | None
    total: int
    done: int
    failed: int
    reason: str | None = None


def runs_progress(s: Session, limit: int = 12) -> list[RunProgress]:
    """List the most recent runs, running ones first. Counts are live for these and stored totals for finished ones.

    Cells that wait for the fine-tuning of their subject are among the total.
    """
    newest = s.scalars(select(Run).order_by(Run.started_at.desc(), Run.id).limit(limit)).all()
    found = []
    for run in sorted(newest, key=lambda one: one.state != "running"):
        cells, to_come = run.ended_with, 0
        if cells is None:
            to_come = cells_to_come(s, run.id)
            counted = select(Cell.state, func.count()).join(RunCell, RunCell.cell_id == Cell.id)
            cells = dict(s.execute(counted.where(RunCell.run_id == run.id).group_by(Cell.state)).all())
        found.append(
            RunProgress(
                id=run.id,
                name=run.name,
                state=run.state,
                flow_run_id=run.flow_run_id,
                started_at=run.started_at,
                finished_at=run.finished_at,
                total=sum(cells.values()) + to_come,
                done=cells.get("generated", 0),
                failed=cells.get("failed", 0),
                reason=run.reason,
            )
        )
    return found


@dataclass(frozen=True)
class SubjectRow:
    """A subject in a list, with its current reference, None before it has one."""

    id: int
    name: str
    class_word: str
    style: str
    reference_sha256: str | None


def subjects_page(s: Session, *, after: int | None = None, limit: int = 60) -> list[SubjectRow]:
    """List subjects, newest first, after the id `after`."""
    newest = select(Reference.image_sha256).where(Reference.subject_id == Subject.id)
    picture = newest.order_by(Reference.turn.desc()).limit(1).label("reference_sha256")
    rows = select(Subject.id, Subject.name, Subject.class_word, Subject.style, picture).order_by(Subject.id.desc())
    rows = rows.limit(limit) if after is None else rows.where(Subject.id < after).limit(limit)
    return as_records(SubjectRow, s.execute(rows))
