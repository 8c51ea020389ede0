"""Projects and their people."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records, chunks
from storage.catalog.narrowing import everything, viewer_of
from storage.catalog.records import ROLES, CatalogError, NotInCatalogError, Role
from storage.catalog.schema import AuditEvent, Project, ProjectMember, Run, Subject, User


@dataclass(frozen=True)
class ProjectView:
    """A project; `purpose` and `quota` as in the schema. `members`, `subjects`, `runs`: how many."""

    id: int
    name: str
    purpose: str | None
    quota: float | None
    created_at: datetime
    members: int
    subjects: int
    runs: int


@dataclass(frozen=True)
class MemberView:
    """A person of a project, with their role there and that of their account; the lower one counts."""

    user_id: int
    name: str
    role: Role
    account_role: Role


def projects(s: Session) -> list[ProjectView]:
    """List the projects by name."""
    counted = (
        select(func.count()).where(ProjectMember.project_id == Project.id).scalar_subquery().label("members"),
        select(func.count()).where(Subject.project_id == Project.id).scalar_subquery().label("subjects"),
        select(func.count()).where(Run.project_id == Project.id).scalar_subquery().label("runs"),
    )
    rows = select(Project.id, Project.name, Project.purpose, Project.quota, Project.created_at, *counted)
    return as_records(ProjectView, s.execute(rows.order_by(Project.name)))


def project(s: Session, project_id: int) -> ProjectView:
    """Return one project. Raises NotInCatalogError."""
    found = next((one for one in projects(s) if one.id == project_id), None)
    if found is None:
        raise NotInCatalogError(f"project {project_id} is not in the catalog; the projects page lists them")
    return found


def project_named(s: Session, name: str) -> ProjectView:
    """Return the project `name`. Raises NotInCatalogError, with similar names."""
    known = projects(s)
    found = next((one for one in known if one.name == name), None)
    if found is None:
        names = [one.name for one in known]
        near = get_close_matches(name, names, n=3) or names[:5]
        there = (
            f"there {'is' if len(near) == 1 else 'are'} {', '.join(map(repr, near))}" if near else "there is none yet"
        )
        raise NotInCatalogError(f"project: {name[:60]!r} is not a project; {there}")
    return found


def members(s: Session, project_id: int) -> list[MemberView]:
    """List the people of a project by name."""
    rows = select(ProjectMember.user_id, User.name, ProjectMember.role, User.role.label("account_role"))
    rows = rows.join(User, User.id == ProjectMember.user_id).where(ProjectMember.project_id == project_id)
    return as_records(MemberView, s.execute(rows.order_by(User.name)))


def projects_of_user(s: Session, user_id: int, role: Role) -> dict[int, Role] | None:
    """Return a person's role in each of their projects by id; None: the person sees everything.

    An admin does, and everybody does while there are no projects. `role`: that of the account; it is also the highest
    that the person has in a project.
    """
    if role == "admin" or s.scalar(select(Project.id).limit(1)) is None:
        return None
    rows = select(ProjectMember.project_id, ProjectMember.role).where(ProjectMember.user_id == user_id)
    return {row.project_id: min(row.role, role, key=ROLES.index) for row in s.execute(rows)}


def project_of_run(s: Session, run_id: str) -> ProjectView | None:
    """Return the project of a run; None: it is everybody's."""
    found = s.scalar(select(Run.project_id).where(Run.id == run_id))
    return None if found is None else project(s, found)


def flow_runs_seen(s: Session, flow_run_ids: Sequence[str]) -> set[str]:
    """Return those of the orchestrator's runs that the session's viewer may see.

    They belong to a run that is seen, or the viewer started them: the orchestrator knows no projects.
    """
    viewer = viewer_of(s)
    if viewer is None:
        return {*flow_run_ids}
    runs = select(Run.flow_run_id).where(Run.flow_run_id.in_(flow_run_ids))
    own = select(AuditEvent.entity_id).where(AuditEvent.entity == "flow run", AuditEvent.entity_id.in_(flow_run_ids))
    own = own.where(AuditEvent.actor == viewer.name, AuditEvent.action == "start flow")
    return {one for one in (*s.scalars(runs), *s.scalars(own)) if one is not None}


def hidden_names(s: Session, names: Collection[str]) -> set[str]:
    """Return those of these names that subjects have which the session does not see."""
    if viewer_of(s) is None:
        return set()

    def taken() -> set[str]:
        parts = (select(Subject.name).where(Subject.name.in_(part)) for part in chunks([*names]))
        return {one for part in parts for one in s.scalars(part)}

    seen = taken()
    with everything(s):
        return taken() - seen


def projects_of_subjects(s: Session, names: Collection[str]) -> dict[str, ProjectView]:
    """Return the project of each of these subjects by name; those that are everybody's, or unknown, are omitted."""
    by_id = {one.id: one for one in projects(s)}
    rows = select(Subject.name, Subject.project_id).where(Subject.project_id.in_(by_id))
    parts = (s.execute(rows.where(Subject.name.in_(part))) for part in (chunks([*names]) if by_id else ()))
    return {row.name: by_id[row.project_id] for part in parts for row in part}


def project_of_order(s: Session, stated: str | None, subjects: Collection[str]) -> ProjectView | None:
    """Return the project of an order: the one `stated`, else that of its `subjects`, by name; None: everybody's.

    Raises NotInCatalogError for an unknown project, CatalogError for subjects of another one, or of several.
    """
    of = projects_of_subjects(s, subjects)
    given = None if stated is None else project_named(s, stated)
    for name, theirs in of.items():
        if given is None:
            given = theirs
        if theirs.id != given.id:
            remedy = "order for the subjects of one project at a time"
            raise CatalogError(f"project: subject {name!r} is of {theirs.name!r}, not of {given.name!r}; {remedy}")
    return given
