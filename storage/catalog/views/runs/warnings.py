"""Warnings of runs, of outputs and of subjects."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records, chunks
from storage.catalog.records import RunWarning
from storage.catalog.schema import Cell, CellSubject, Output, Run, RunCell, Subject, WarningRow

_COLUMNS = (WarningRow.kind, WarningRow.message, WarningRow.place, Subject.name.label("subject"), WarningRow.prompt)


def warnings_of_run(s: Session, run_id: str, limit: int = 200) -> list[RunWarning]:
    """List the run's warnings in grid order."""
    rows = select(*_COLUMNS).outerjoin(Subject, Subject.id == WarningRow.subject_id).where(WarningRow.run_id == run_id)
    return as_records(RunWarning, s.execute(rows.order_by(WarningRow.id).limit(limit)))


def warnings_of_outputs(s: Session, output_ids: Sequence[int]) -> dict[int, list[RunWarning]]:
    """List the distinct warnings about each output from the runs that requested it, omitting outputs without any."""
    found: dict[int, dict[RunWarning, None]] = defaultdict(dict)
    shown = select(CellSubject.subject_id).where(CellSubject.cell_id == Cell.id)
    for part in chunks(output_ids):
        rows = select(Output.id.label("output_id"), *_COLUMNS).join(Cell, Cell.id == Output.cell_id)
        rows = rows.join(RunCell, RunCell.cell_id == Cell.id).join(WarningRow, WarningRow.run_id == RunCell.run_id)
        rows = rows.outerjoin(Subject, Subject.id == WarningRow.subject_id).where(Output.id.in_(part))
        rows = rows.where(or_(WarningRow.subject_id.is_(None), WarningRow.subject_id.in_(shown)))
        rows = rows.where(or_(WarningRow.prompt.is_(None), WarningRow.prompt == Cell.prompt))
        for row in s.execute(rows.order_by(Output.id, WarningRow.id)):
            about = dict(row._mapping)
            found[about.pop("output_id")][RunWarning(**about)] = None
    return {output_id: list(ones) for output_id, ones in found.items()}


def warnings_of_subject(s: Session, subject_id: int, limit: int = 20) -> list[RunWarning]:
    """List the warnings about the subject from the newest run that has any."""
    rows = (
        select(*_COLUMNS).join(Subject, Subject.id == WarningRow.subject_id).where(WarningRow.subject_id == subject_id)
    )
    newest = select(WarningRow.run_id).join(Run, Run.id == WarningRow.run_id).where(WarningRow.subject_id == subject_id)
    run_id = s.scalar(newest.order_by(Run.started_at.desc()).limit(1))
    found = s.execute(rows.where(WarningRow.run_id == run_id).order_by(WarningRow.id).limit(limit))
    return as_records(RunWarning, found)


def count_warnings(s: Session, run_ids: Sequence[str]) -> dict[str, int]:
    """Count the warnings of each run, omitting runs without any."""
    rows = select(WarningRow.run_id, func.count()).where(WarningRow.run_id.in_(run_ids)).group_by(WarningRow.run_id)
    return dict(s.execute(rows).all())
