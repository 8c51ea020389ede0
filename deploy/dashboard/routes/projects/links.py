"""Links for clients: made from approved pictures, listed, revoked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.gallery_filter import FIELDS, parse_filter, whole_number
from deploy.dashboard.pages import own_address, page, redirect
from deploy.dashboard.resources import resources
from deploy.dashboard.routes.review.export import demand_purpose
from deploy.dashboard.routes.review.review import collect
from deploy.dashboard.security.passwords import hash_password
from deploy.dashboard.security.secrets import digest, new_secret
from deploy.marks.settings import UNMARKED
from storage.catalog import views, writes
from storage.catalog.database.base import now
from storage.catalog.records import CatalogError
from storage.catalog.views import ProjectView

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]
MOST, DAYS, LONGEST = 500, 14, 365  # pictures of a link; days that it is open, and at the most


@router.get("/links")
def links(request: Request, person: Operator) -> Response:
    """Show the links and the form of a new one; its query chooses pictures, as the gallery's does."""
    return _shown(request, person, asked=parse_filter(request.query_params).as_json())


def _shown(request: Request, person: Person, *, asked: dict[str, Any], secret: str = "", title: str = "") -> Response:
    known = resources(request)
    with known.catalog.read() as s:
        shown, choices, projects = views.client_links(s), views.choices(s), views.projects(s)
        counts = views.decisions(s, ["approved"])
    made = f"{own_address(request)}/client/{secret}" if secret else ""
    context: dict[str, Any] = {"shown": shown, "choices": choices, "projects": projects, "asked": asked}
    context |= {"made": made, "title": title, "most": MOST, "days": DAYS, "longest": LONGEST}
    context |= {"approved": counts["approved"], "unmarked": "" if known.marker.settings.on else UNMARKED}
    return page(request, "links.html", person, **context)


@router.post("/links")
async def add(request: Request, person: Operator) -> Response:
    """Make a link to the approved pictures that match the form, and show it, once."""
    form = await request.form()
    return await run_in_threadpool(_add, request, person, form)


def _add(request: Request, person: Person, form: Any) -> Response:
    known, secret = resources(request), new_secret()
    days = whole_number("days", form.get("days") or DAYS)
    if not 1 <= days <= LONGEST:
        raise CatalogError(f"days: {days} is outside 1..{LONGEST}; correct it")
    title = str(form.get("title") or "").strip()
    password = str(form.get("password") or "")
    hashed = hash_password(password) if password else None
    project_id, chosen = _chosen(request, form)
    with known.catalog.read() as s:
        ids = [one.output_id for one in views.approved_pictures(s, chosen)]
        outputs, metrics = views.outputs(s, ids, licences=True), views.metric_licences(s)
        projects = views.projects_of_outputs(s, ids)
    owner = project_of_link(projects, project_id)
    demand_purpose(known, outputs, metrics)
    with known.catalog.write() as s:
        writes.add_client_link(
            s,
            token_sha256=digest(secret),
            project_id=owner,
            title=title,
            mark=str(form.get("mark") or "").strip() or "PREVIEW",
            output_ids=ids,
            password=hashed,
            expires_at=now() + timedelta(days=days),
            actor=person.name,
        )
    return _shown(request, person, asked={}, secret=secret, title=title)


def project_of_link(projects: Mapping[int, Sequence[ProjectView]], chosen: int | None) -> int | None:
    """Return the project of a link to pictures of these projects: the chosen one, else the first that all are of.

    None if no picture is of any; pictures of none do not count. Raises CatalogError if no project has all of them.
    """
    each = [{one.id for one in found} for found in projects.values()]
    common = each[0].intersection(*each[1:]) if each else set[int]()
    if each and not common:
        names = " and ".join(sorted({repr(one.name) for found in projects.values() for one in found}))
        raise CatalogError(f"pictures: they are of several projects, {names}; make a link for each")
    return chosen if chosen in common else min(common, default=None)


def _chosen(request: Request, form: Any) -> tuple[int | None, list[int]]:
    """Return the project that the form chooses, if any, and the outputs: its own, else those that match the filter."""
    known = resources(request)
    if form.get("project_id"):
        with known.catalog.read() as s:
            project = views.project(s, whole_number("project_id", form.get("project_id")))
            return project.id, views.approved_of_project(s, project.id, MOST)
    asked = parse_filter({name: form.get(name) for name in FIELDS} | {"decision": "approved"})
    return None, collect(known, asked, MOST)[0]


@router.post("/links/{link_id:int}/revoke")
def revoke(link_id: int, request: Request, person: Operator) -> Response:
    """End a link, at once."""
    with resources(request).catalog.write() as s:
        writes.revoke_client_link(s, link_id, actor=person.name)
    return redirect("/links", "Revoked; whoever opens it now sees nothing.")
