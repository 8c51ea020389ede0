"""Projects and their people."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into
from storage.catalog.records import CatalogError, NotInCatalogError, Role, check_role
from storage.catalog.schema import CellSubject, Project, ProjectMember, Run, RunCell, Subject, TriageModel, User
from storage.catalog.views.projects.projects import project
from storage.catalog.writes.audit import record_audit

LONGEST = 80  # characters of a name
UNCHANGED: Any = object()


def add_project(s: Session, *, name: str, actor: str, purpose: str | None = None, quota: float | None = None) -> int:
    """Add the project `name` and return its id. Raises CatalogError for a taken or invalid name.

    `purpose`: as of DREAMTUNER_PURPOSE, checked by the caller; `quota`: device-seconds a month, None for no limit.
    """
    if not name or len(name) > LONGEST or not name.isprintable() or name != name.strip():
        raise CatalogError(f"name {name[:LONGEST]!r}: use 1 to {LONGEST} printable characters without spaces around")
    if s.scalar(select(Project.id).where(func.lower(Project.name) == name.lower())) is not None:
        raise CatalogError(f"name {name!r} is taken; choose another")
    row = Project(name=name, purpose=purpose or None, quota=_checked(quota), creator=actor)
    s.add(row)
    s.flush()
    after = {"purpose": row.purpose, "quota": row.quota}
    record_audit(s, actor=actor, action="add project", entity="project", entity_id=name, after=after)
    return row.id


def change_project(
    s: Session, project_id: int, *, actor: str, purpose: str | None = UNCHANGED, quota: float | None = UNCHANGED
) -> None:
    """Change a project's purpose or quota; None takes it away. Raises NotInCatalogError."""
    row = _project(s, project_id)
    before = {"purpose": row.purpose, "quota": row.quota}
    if purpose is not UNCHANGED:
        row.purpose = purpose or None
    if quota is not UNCHANGED:
        row.quota = _checked(quota)
    s.flush()
    after = {"purpose": row.purpose, "quota": row.quota}
    who = {"actor": actor, "entity": "project", "entity_id": row.name}
    record_audit(s, action="change project", before=before, after=after, **who)


def set_member(s: Session, project_id: int, user_id: int, role: Role, *, actor: str) -> None:
    """Add a person to a project, or change their role there. Raises NotInCatalogError, CatalogError."""
    check_role(role)
    row, user = _project(s, project_id), s.get(User, user_id)
    if user is None:
        raise NotInCatalogError(f"user {user_id} is not in the catalog; the users page lists them")
    new = insert_into(s, ProjectMember).values(project_id=project_id, user_id=user_id, role=role)
    keys = [ProjectMember.project_id, ProjectMember.user_id]
    s.execute(new.on_conflict_do_update(index_elements=keys, set_={"role": role}))
    after = {"user": user.name, "role": role}
    record_audit(s, actor=actor, action="set member", entity="project", entity_id=row.name, after=after)


def remove_member(s: Session, project_id: int, user_id: int, *, actor: str) -> None:
    """Take a person out of a project; without effect if they are not in it."""
    row, user = _project(s, project_id), s.get(User, user_id)
    gone = delete(ProjectMember).where(ProjectMember.project_id == project_id, ProjectMember.user_id == user_id)
    s.execute(gone)
    after = {"user": "" if user is None else user.name}
    record_audit(s, actor=actor, action="remove member", entity="project", entity_id=row.name, after=after)


@dataclass(frozen=True)
class Moved:
    """What a subject took along: how many runs of nobody's project, and which other subjects these runs show."""

    runs: int
    others: tuple[str, ...]


def move_subject(s: Session, name: str, project_id: int | None, *, actor: str) -> Moved:
    """Give a subject to a project, None: to everybody, with the runs that show it.

    So nothing that everybody sees shows a project's subject. Raises CatalogError if a run of it is another project's,
    or, when it becomes everybody's, if such a run shows a subject of the project that stays.
    """
    row = s.scalar(select(Subject).where(Subject.name == name).with_for_update())
    if row is None:
        raise NotInCatalogError(f"subject {name!r} is not in the catalog; `dreamtuner subjects` lists them")
    of = None if project_id is None else project(s, project_id).name
    before = None if row.project_id is None else project(s, row.project_id).name
    before_id, runs = row.project_id, _runs_of(s, row.id)
    wrong = [one for one in runs if one.project_id not in (None, row.project_id, project_id)]
    if wrong and wrong[0].project_id is not None:
        theirs = project(s, wrong[0].project_id).name
        raise CatalogError(
            f"subject {name!r}: run {wrong[0].id[:8]} ({wrong[0].name}) of it belongs to {theirs!r}; forget it first"
        )
    others = _others(s, [one.id for one in runs], row.id)
    staying = [other for other, theirs in others if theirs not in (None, project_id)]
    if staying:
        remedy = f"move {' and '.join(map(repr, sorted(set(staying))))} first"
        raise CatalogError(f"subject {name!r}: runs of it show subjects of another project; {remedy}")
    row.project_id = project_id
    for one in runs:
        one.project_id = project_id
    s.flush()
    _forget_models(s, {before_id, project_id})
    moved = Moved(len(runs), tuple(sorted({other for other, _ in others})))
    after = {"project": of, "runs": moved.runs}
    who: dict[str, Any] = {"actor": actor, "entity": "subject", "entity_id": row.id}
    record_audit(s, action="move subject", before={"project": before}, after=after, **who)
    return moved


def _forget_models(s: Session, project_ids: Collection[int | None]) -> None:
    """Delete the models of triage of these projects, None: of no project: they rest on decisions that have moved."""
    known = [one for one in project_ids if one is not None]
    ours = [TriageModel.project_id.in_(known)]
    ours += [TriageModel.project_id.is_(None)] if None in project_ids else []
    s.execute(delete(TriageModel).where(or_(*ours)), execution_options={"synchronize_session": False})


def _runs_of(s: Session, subject_id: int) -> list[Run]:
    asked = select(RunCell.run_id).join(CellSubject, CellSubject.cell_id == RunCell.cell_id)
    shown = asked.where(
        CellSubject.subject_id == subject_id,
        or_(RunCell.subject_id == subject_id, RunCell.subject_id.is_(None), CellSubject.position > 0),
    )
    return list(s.scalars(select(Run).where(Run.id.in_(shown)).order_by(Run.started_at)))


def _others(s: Session, run_ids: list[str], subject_id: int) -> list[tuple[str, int | None]]:
    """Return name and project of the other subjects of these runs."""
    shown = select(CellSubject.subject_id).join(RunCell, RunCell.cell_id == CellSubject.cell_id)
    shown = shown.where(RunCell.run_id.in_(run_ids))
    rows = select(Subject.name, Subject.project_id).where(Subject.id.in_(shown), Subject.id != subject_id)
    return [(row.name, row.project_id) for row in s.execute(rows)]


def own_new_subject(s: Session, subject_id: int, project_id: int | None) -> None:
    """Give a subject that has no project, and no run yet, to a project."""
    if project_id is not None:
        run = select(RunCell.run_id).join(CellSubject, CellSubject.cell_id == RunCell.cell_id)
        run = run.where(CellSubject.subject_id == subject_id)
        free = update(Subject).where(Subject.id == subject_id, Subject.project_id.is_(None), ~run.exists())
        s.execute(free.values(project_id=project_id), execution_options={"synchronize_session": False})


def _project(s: Session, project_id: int) -> Project:
    row = s.get(Project, project_id)
    if row is None:
        raise NotInCatalogError(f"project {project_id} is not in the catalog; the projects page lists them")
    return row


def _checked(quota: float | None) -> float | None:
    if quota is not None and not 0 <= quota < float("inf"):
        raise CatalogError(f"quota {quota!r}: give device-seconds a month, 0 or more, or none for no limit")
    return quota
