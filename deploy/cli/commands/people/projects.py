"""`dreamtuner projects`: whose subjects and runs are whose, who is in a project, and what it may spend."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.options import AsJson, actor
from deploy.cli.terminal import print_result
from flows.spec.problems import InputError, Problem

if TYPE_CHECKING:
    from rich.console import RenderableType
    from sqlalchemy.orm import Session

    from storage.catalog import Catalog
    from storage.catalog.records import Role
    from storage.catalog.views import MemberView, ProjectView, Quota

projects = typer.Typer(
    help="Projects: people see the subjects and images of their projects, and what is everybody's.",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(metavar="PROJECT", help="The name of a project.")]
User = Annotated[str, typer.Argument(metavar="USER", help="The name of a user of the dashboard.")]
Purpose = Annotated[
    str | None,
    typer.Option(help="What its images are for, as in DREAMTUNER_PURPOSE: 'commercial, regions=DE'; '' for none."),
]
Seconds = Annotated[
    float | None, typer.Option("--quota", min=0, help="Device-seconds that its runs may take in a month, in UTC.")
]


@projects.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the projects with their purpose, people, subjects, runs and what they spent this month."""
    from storage.catalog import views

    found: list[tuple[ProjectView, Quota | None]] = []
    if (catalog := _if_any()) is not None:
        with catalog.read() as s:
            found = [(one, views.quota_left(s, one.id)) for one in views.projects(s)]
    print_result({"projects": [_json(one, quota) for one, quota in found]} if as_json else _table(found))


@projects.command()
def show(project: Name, as_json: AsJson = False) -> None:
    """Show a project with its people."""
    from storage.catalog import views

    with _catalog().read() as s:
        one = _named(s, project)
        people, quota = views.members(s, one.id), views.quota_left(s, one.id)
    _shown(one, quota, people, as_json=as_json)


@projects.command()
def add(project: Name, purpose: Purpose = None, quota: Seconds = None, as_json: AsJson = False) -> None:
    """Add a project. Nobody but admins sees what belongs to it until people are added."""
    from storage.catalog import writes

    _check(purpose)
    with _catalog(new=True).write() as s:
        writes.add_project(s, name=project, purpose=purpose, quota=quota, actor=actor())
        _say(s, project, as_json=as_json)


@projects.command()
def change(
    project: Name,
    purpose: Purpose = None,
    quota: Seconds = None,
    no_quota: Annotated[bool, typer.Option("--no-quota", help="Let its runs take what they need.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change a project's purpose or quota. A run that its quota stopped goes on when its spec is run again."""
    from storage.catalog import writes

    _check(purpose)
    if quota is not None and no_quota:
        raise InputError("projects", [Problem(path=("--quota",), message="give either --quota or --no-quota")])
    news: dict[str, Any] = {} if purpose is None else {"purpose": purpose or None}
    news |= {"quota": None} if no_quota else {} if quota is None else {"quota": quota}
    with _catalog().write() as s:
        writes.change_project(s, _named(s, project).id, actor=actor(), **news)
        _say(s, project, as_json=as_json)


@projects.command()
def member(
    project: Name,
    user: User,
    role: Annotated[
        str, typer.Option(help="viewer, reviewer, operator or admin: their role here, at most that of the account.")
    ] = "reviewer",
    remove: Annotated[bool, typer.Option("--remove", help="Take the person out of the project.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a person to a project, change their role there, or remove them."""
    from typing import cast

    from storage.catalog import views, writes

    with _catalog().write() as s:
        project_id = _named(s, project).id
        found = views.user_named(s, user)
        if found is None:
            message = f"there is no user {user[:60]!r}; add the account in the dashboard, under Users"
            raise InputError("projects", [Problem(path=("USER",), message=message)])
        if remove:
            writes.remove_member(s, project_id, found[0], actor=actor())
        else:
            writes.set_member(s, project_id, found[0], cast("Role", role), actor=actor())
        _say(s, project, as_json=as_json)


@projects.command()
def move(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="The name of a subject.")],
    project: Annotated[
        str | None, typer.Argument(metavar="[PROJECT]", help="The project; without one, everybody.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a subject to a project, with the runs that show it."""
    from storage.catalog import writes

    with _catalog().write() as s:
        project_id = None if project is None else _named(s, project).id
        moved = writes.move_subject(s, subject, project_id, actor=actor())
    if as_json:
        print_result({"subject": subject, "project": project, "runs": moved.runs, "with": list(moved.others)})
        return
    also = f"; these runs also show {', '.join(moved.others)}" if moved.others else ""
    whose = "everybody's" if project is None else f"of project {project}"
    typer.echo(f"{subject} is {whose} now, with {moved.runs} run{'' if moved.runs == 1 else 's'}{also}")


def _say(s: Session, name: str, *, as_json: bool) -> None:
    from storage.catalog import views

    one = _named(s, name)
    _shown(one, views.quota_left(s, one.id), views.members(s, one.id), as_json=as_json)


def _shown(one: ProjectView, quota: Quota | None, people: list[MemberView], *, as_json: bool) -> None:
    if as_json:
        print_result(_json(one, quota) | {"people": [asdict(person) for person in people]})
        return
    from deploy.cli.tables import counted

    typer.echo(f"{one.name}: {counted(one.subjects, 'subject')}, {counted(one.runs, 'run')}; {_spent(quota)}")
    typer.echo(f"purpose: {one.purpose or 'not stated'}")
    for person in people:
        lower = "" if person.role == person.account_role else f" (account: {person.account_role})"
        typer.echo(f"  {person.name}: {person.role}{lower}")
    if not people:
        typer.echo("  nobody yet: only admins see it")
    if quota is not None and quota.warning:
        typer.echo(f"note: {quota.warning}")


def _spent(quota: Quota | None) -> str:
    if quota is None:
        return ""
    limit = "" if quota.quota is None else f" of {quota.quota:,.0f} ({quota.share:.0%})"
    return f"{quota.spent:,.0f}{limit} device-seconds in {quota.month}"


def _json(one: ProjectView, quota: Quota | None) -> dict[str, Any]:
    about = {name: getattr(one, name) for name in ("name", "purpose", "quota", "members", "subjects", "runs")}
    if quota is not None:
        about |= {"month": quota.month, "device_seconds": quota.spent, "left": quota.left}
    return about


def _table(found: list[tuple[ProjectView, Quota | None]]) -> RenderableType:
    from rich.table import Table

    if not found:
        return "no projects: everybody sees everything; `dreamtuner projects add NAME` adds one"
    table = Table("project", "purpose", "people", "subjects", "runs", "device-seconds this month", box=None)
    for one, quota in found:
        numbers = (str(one.members), str(one.subjects), str(one.runs), _spent(quota).partition(" device")[0])
        table.add_row(one.name, one.purpose or "", *numbers)
    return table


def _check(purpose: str | None) -> None:
    from dreamtuner.models.lineage import PurposeError, read_purpose

    try:
        read_purpose(purpose or "", "--purpose")
    except PurposeError as error:
        raise InputError("projects", [Problem(path=(), message=str(error))]) from error


def _if_any() -> Catalog | None:
    from flows.resources import Resources

    return Resources.open().catalog_if_any


def _named(s: Session, name: str) -> ProjectView:
    from storage.catalog import views
    from storage.catalog.records import NotInCatalogError

    try:
        return views.project_named(s, name)
    except NotInCatalogError as error:
        message = str(error).removeprefix("project: ")
        raise InputError("projects", [Problem(path=("PROJECT",), message=message)]) from error


def _catalog(*, new: bool = False) -> Catalog:
    from flows.resources import Resources
    from storage.catalog.records import NotInCatalogError

    found = Resources.open().catalog if new else _if_any()
    if found is None:
        home = Resources.open().settings.home
        raise NotInCatalogError(f"there is no catalog in {home}; set DREAMTUNER_HOME to the folder of one")
    return found
