"""Projects: what they are for, what they may spend, who and which subjects belong to them."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page, redirect
from deploy.dashboard.resources import resources
from dreamtuner.models.lineage import PurposeError, read_purpose
from storage.catalog import views, writes
from storage.catalog.records import CatalogError, Role

router = APIRouter()
Admin = Annotated[Person, Depends(Needs("admin", tokens=False))]
Text = Annotated[str, Form(max_length=300)]
HERE = "/projects"


@router.get(HERE)
def projects(request: Request, person: Admin) -> Response:
    """Show all projects with their people and what they spent this month."""
    with resources(request).catalog.read() as s:
        shown = [(one, views.quota_left(s, one.id), views.members(s, one.id)) for one in views.projects(s)]
        users = views.users(s)
        subjects = views.subject_names(s) if shown else ()
    return page(request, "projects.html", person, shown=shown, users=users, subjects=subjects)


@router.post(HERE)
def add(request: Request, person: Admin, name: Text, purpose: Text = "", quota: Text = "") -> Response:
    """Add a project."""
    for_what, most = _purpose(purpose), _quota(quota)
    with resources(request).catalog.write() as s:
        writes.add_project(s, name=name.strip(), purpose=for_what, quota=most, actor=person.name)
    return redirect(HERE, f"{name.strip()} was added. Add its people.")


@router.post(f"{HERE}/{{project_id:int}}")
def change(project_id: int, request: Request, person: Admin, purpose: Text = "", quota: Text = "") -> Response:
    """Change what a project is for, and its quota."""
    with resources(request).catalog.write() as s:
        writes.change_project(s, project_id, purpose=_purpose(purpose), quota=_quota(quota), actor=person.name)
    return redirect(HERE, "Saved.")


@router.post(f"{HERE}/{{project_id:int}}/people")
def set_member(
    project_id: int, request: Request, person: Admin, user_id: Annotated[int, Form()], role: Text = ""
) -> Response:
    """Add a person, or change their role; without a role, remove them."""
    with resources(request).catalog.write() as s:
        if role:
            writes.set_member(s, project_id, user_id, cast(Role, role), actor=person.name)
        else:
            writes.remove_member(s, project_id, user_id, actor=person.name)
    return redirect(HERE, "Saved." if role else "Removed; nothing of the project is visible to them any more.")


@router.post(f"{HERE}/subjects")
def move(request: Request, person: Admin, subject: Text, project: Text = "") -> Response:
    """Give a subject to a project, or to everybody, with the runs that show it."""
    with resources(request).catalog.write() as s:
        project_id = views.project_named(s, project).id if project else None
        moved = writes.move_subject(s, subject, project_id, actor=person.name)
    also = f" They also show {', '.join(moved.others)}." if moved.others else ""
    whose = f"of {project}" if project else "everybody's"
    return redirect(HERE, f"{subject} is {whose} now, with {moved.runs} run{'' if moved.runs == 1 else 's'}.{also}")


def _purpose(text: str) -> str | None:
    try:
        read_purpose(text, "purpose")
    except PurposeError as error:
        raise CatalogError(str(error)) from error
    return text.strip() or None


def _quota(text: str) -> float | None:
    """Read hours of a device; the catalog keeps seconds."""
    if not text.strip():
        return None
    try:
        return 3600 * float(text.replace(",", ""))
    except ValueError:
        raise CatalogError(f"quota: {text[:40]!r} is not a number of hours; correct it or leave it empty") from None
