"""Narrows what a session sees to the projects of one person: the one place that decides who sees what.

`Catalog.seen_by(viewer)` opens sessions in which every SELECT, UPDATE and DELETE of a narrowed table, wherever it
stands in a statement, has the condition that the row belongs to a project of the viewer's, or to nobody's. A query that
knows nothing of projects is narrowed too; what is not visible is not found. INSERTs are not narrowed.

A run, its cells and their images are visible with the run's project, a subject and its references with the subject's.
An image that runs of two projects requested is visible to both. An image of several subjects is visible only to those
who see all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Exists, and_, event, exists, false, not_, or_, select
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql.util import ClauseAdapter

from storage.catalog.database.base import Base
from storage.catalog.schema import (
    Annotation,
    AttentionMap,
    AuditEvent,
    Blob,
    Cell,
    CellControl,
    CellReference,
    CellReferenceControl,
    CellSource,
    CellSubject,
    Checkpoint,
    ClientLink,
    Export,
    Mask,
    Measurement,
    Order,
    OrderFile,
    OrderPreset,
    Output,
    OutputLabel,
    Project,
    Reference,
    Review,
    ReviewBatch,
    Run,
    RunCell,
    RunEvent,
    RunTraining,
    Subject,
    SubjectScore,
    Training,
    Upload,
    User,
    Vote,
    WarningRow,
    WorkerRow,
    WorkSession,
)

_VIEWER = "viewer"


@dataclass(frozen=True)
class Viewer:
    """A person who sees what belongs to these projects, and what belongs to none. `name`: as in the audit."""

    name: str
    projects: frozenset[int]


class NarrowedSession(Session):
    """A session that sees what its viewer sees."""

    def __init__(self, bind: Any, viewer: Viewer, *, writes: bool, **more: Any) -> None:
        super().__init__(bind, info={_VIEWER: viewer, "writes": writes}, **more)


def viewer_of(s: Session) -> Viewer | None:
    """Return whom the session is narrowed to; None: it sees everything."""
    viewer: Viewer | None = s.info.get(_VIEWER)
    return viewer


@contextmanager
def everything(s: Session) -> Iterator[None]:
    """See everything within the block: what must not stop halfway, after the viewer's right to it was checked."""
    viewer = s.info.pop(_VIEWER, None)
    try:
        yield
    finally:
        if viewer is not None:
            s.info[_VIEWER] = viewer


@event.listens_for(NarrowedSession, "do_orm_execute")
def _narrow(asked: ORMExecuteState) -> None:
    viewer = viewer_of(asked.session)
    if viewer is not None and (asked.is_select or asked.is_update or asked.is_delete):
        conditions = _conditions(viewer, bool(asked.session.info["writes"]))
        asked.statement = asked.statement.options(*conditions)


@lru_cache(maxsize=64)
def _conditions(viewer: Viewer, writes: bool) -> tuple[Any, ...]:
    """Return the options that narrow a statement. `writes`: those of a session that writes.

    Writers number ids, chain the audit and record blobs, and have to see all of these.
    """
    narrowed = conditions(viewer)
    kinds = [kind for kind in narrowed if kind not in _WHOLE_FOR_WRITES] if writes else [*narrowed]
    return tuple(_Condition(kind, narrowed[kind], include_aliases=True) for kind in kinds)


class _Condition(LoaderCriteriaOption):
    """`with_loader_criteria` that is about the alias where an alias is joined, too.

    As it is, it adapts its condition to aliases in WHERE alone; in the ON of a join it would be about no row.
    """

    _traverse_internals = LoaderCriteriaOption._traverse_internals

    def _resolve_where_criteria(self, ext_info: Any) -> Any:
        condition = super()._resolve_where_criteria(ext_info)
        return ClauseAdapter(ext_info.selectable).traverse(condition) if ext_info.is_aliased_class else condition


_WHOLE_FOR_WRITES = (AuditEvent, Blob, OutputLabel, WorkSession, WorkerRow)


def conditions(viewer: Viewer) -> dict[type[Base], ColumnElement[bool]]:
    """Return for each narrowed table the condition that the viewer sees a row of it.

    The conditions use plain tables: narrowing does not act on itself. Their aliases begin with the name of the table,
    by which its scans are found in plans.
    """
    run, subject, cell = _Seen(viewer).run, _Seen(viewer).subject, _Seen(viewer).cell
    output, training = _Seen(viewer).output, _Seen(viewer).training
    of_reference = _Seen(viewer).reference
    return {
        Project: Project.id.in_(viewer.projects),
        Subject: _owned(Subject.project_id, viewer),
        Run: _owned(Run.project_id, viewer),
        ClientLink: _owned(ClientLink.project_id, viewer),
        Reference: subject(Reference.subject_id),
        Mask: of_reference(Mask.reference_id),
        Annotation: of_reference(Annotation.reference_id),
        Training: and_(of_reference(Training.reference_id), training(Training.digest)),
        Checkpoint: and_(subject(Checkpoint.subject_id), _Seen(viewer).checkpoint(Checkpoint.id)),
        RunCell: run(RunCell.run_id),
        RunTraining: run(RunTraining.run_id),
        WarningRow: run(WarningRow.run_id),
        WorkSession: run(WorkSession.run_id),
        WorkerRow: run(WorkerRow.run_id),
        Cell: cell(Cell.id),
        CellSubject: and_(subject(CellSubject.subject_id), cell(CellSubject.cell_id)),
        CellReference: and_(subject(CellReference.subject_id), cell(CellReference.cell_id)),
        CellControl: cell(CellControl.cell_id),
        CellReferenceControl: cell(CellReferenceControl.cell_id),
        CellSource: and_(cell(CellSource.cell_id), cell(CellSource.source_id)),
        Output: cell(Output.cell_id),
        SubjectScore: subject(SubjectScore.subject_id),
        AttentionMap: output(AttentionMap.output_id),
        Review: output(Review.output_id),
        OutputLabel: output(OutputLabel.output_id),
        Vote: and_(output(Vote.winner_id), output(Vote.loser_id)),
        ReviewBatch: ReviewBatch.reviewer == viewer.name,
        AuditEvent: or_(AuditEvent.actor == viewer.name, _Seen(viewer).started(AuditEvent)),
        Measurement: false(),
        Order: _Seen(viewer).user(Order.user_id),
        Upload: _Seen(viewer).user(Upload.user_id),
        Export: _Seen(viewer).user(Export.user_id),
        RunEvent: run(RunEvent.run_id),
        OrderPreset: _Seen(viewer).user(OrderPreset.user_id),
        OrderFile: OrderFile.person == viewer.name,
        Blob: or_(*_Seen(viewer).pictures(Blob.sha256).values()),
    }


def _owned(project_id: Any, viewer: Viewer) -> ColumnElement[bool]:
    """Build the condition that the project is one of the viewer's, or none."""
    return or_(project_id.is_(None), project_id.in_(sorted(viewer.projects)))


@dataclass(frozen=True)
class _Seen:
    """Conditions on the ids of rows that others refer to."""

    viewer: Viewer

    def user(self, user_id: Any) -> Exists:
        user = User.__table__.alias("users_seen")
        return exists().where(user.c.id == user_id, user.c.name == self.viewer.name)

    def run(self, run_id: Any) -> Exists:
        run = Run.__table__.alias("runs_seen")
        return exists().where(run.c.id == run_id, _owned(run.c.project_id, self.viewer))

    def subject(self, subject_id: Any) -> Exists:
        subject = Subject.__table__.alias("subjects_seen")
        return exists().where(subject.c.id == subject_id, _owned(subject.c.project_id, self.viewer))

    def reference(self, reference_id: Any) -> Exists:
        reference = Reference.__table__.alias("refs_seen")
        return exists().where(reference.c.id == reference_id, self.subject(reference.c.subject_id))

    def cell(self, cell_id: Any) -> ColumnElement[bool]:
        asked = RunCell.__table__.alias("run_cells_seen")
        return and_(exists().where(asked.c.cell_id == cell_id, self.run(asked.c.run_id)), self.whole(cell_id))

    def whole(self, cell_id: Any) -> ColumnElement[bool]:
        """Of several subjects, the viewer sees each, under one of its names at least.

        It is flat, since the parser of SQLite bounds how deep conditions are nested.
        """
        of_several, shown, named = (CellSubject.__table__.alias(f"cell_subjects_{n}") for n in ("of", "shown", "named"))
        subject = Subject.__table__.alias("subjects_seen")
        # of the same cell: the one outside is two levels up, where a statement would not look for it by itself
        seen = select(named.c.position).where(named.c.cell_id == shown.c.cell_id, subject.c.id == named.c.subject_id)
        seen = seen.where(_owned(subject.c.project_id, self.viewer)).correlate(shown)
        several = (of_several.c.cell_id == cell_id, of_several.c.position > 0)
        return not_(exists().where(*several, shown.c.cell_id == cell_id, shown.c.position.not_in(seen)))

    def output(self, output_id: Any) -> Exists:
        output = Output.__table__.alias("outputs_seen")
        return exists().where(output.c.id == output_id, self.cell(output.c.cell_id))

    def training(self, digest: Any) -> ColumnElement[bool]:
        """A fine-tuning that a run requested is visible with such a run; others with their subject."""
        asked = RunTraining.__table__.alias("run_trainings_seen")
        of_it = exists().where(asked.c.training_digest == digest)
        return or_(not_(of_it), of_it.where(self.run(asked.c.run_id)))

    def checkpoint(self, checkpoint_id: Any) -> ColumnElement[bool]:
        training = Training.__table__.alias("trainings_seen")
        of_it = exists().where(training.c.checkpoint_id == checkpoint_id)
        return or_(not_(of_it), of_it.where(self.training(training.c.digest)))

    def started(self, entry: type[AuditEvent]) -> ColumnElement[bool]:
        """Who started a run that the viewer sees."""
        run = Run.__table__.alias("runs_started")
        ours = exists().where(run.c.flow_run_id == entry.entity_id, _owned(run.c.project_id, self.viewer))
        return and_(entry.entity == "flow run", entry.action == "start flow", ours)

    def pictures(self, sha256: Any) -> dict[str, Exists]:
        """Conditions that a visible row shows the picture, by table and column; weights and their states are no
        pictures, and measurements of benchmarks are not shown."""
        found: dict[str, Exists] = {}

        def by(table: type[Base], column: str, seen: Any, key: str) -> None:
            rows = table.__table__.alias(f"{table.__tablename__}_shown")
            found[f"{table.__tablename__}.{column}"] = exists().where(rows.c[column] == sha256, seen(rows.c[key]))

        by(Reference, "image_sha256", self.subject, "subject_id")
        by(Output, "image_sha256", self.cell, "cell_id")
        by(Mask, "mask_sha256", self.reference, "reference_id")
        by(Annotation, "image_sha256", self.reference, "reference_id")
        by(Run, "sheet_sha256", self.run, "id")
        for column in ("pose", "depth", "reference_pose", "reference_depth"):
            by(Cell, column, self.cell, "id")
        by(CellControl, "image_sha256", self.cell, "cell_id")
        by(CellReferenceControl, "image_sha256", self.cell, "cell_id")
        by(AttentionMap, "map_sha256", self.output, "output_id")
        mine = OrderFile.__table__.alias("order_files_shown")
        found["order_files.sha256"] = exists().where(mine.c.sha256 == sha256, mine.c.person == self.viewer.name)
        return found
