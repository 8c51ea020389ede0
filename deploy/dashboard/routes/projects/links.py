"""Links for clients: made from approved pictures, listed, revoked."""

from __future__ import annotations

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
    chosen = _chosen(request, form)
    with known.catalog.read() as s:
        ids = [one.output_id for one in views.approved_pictures(s, chosen)]
        outputs, metrics = views.outputs(s, ids), views.metric_licences(s)
        of = {one.id: one for found in views.projects_of_outputs(s, ids).values() for one in found}
    if len(of) > 1:
        names = " and ".join(sorted(repr(one.name) for one in of.values()))
        raise CatalogError(f"pictures: they are of several projects, {names}; make a link for each")
    demand_purpose(known, outputs, metrics)
    with known.catalog.write() as s:
        writes.add_client_link(
            s,
            token_sha256=digest(secret),
            project_id=next(iter(of), None),
            title=title,
            mark=str(form.get("mark") or "").strip() or "PREVIEW",
            output_ids=ids,
            password=hashed,
            expires_at=now() + timedelta(days=days),
            actor=person.name,
        )
    return _shown(request, person, asked={}, secret=secret, title=title)


def _chosen(request: Request, form: Any) -> list[int]:
    """Return the outputs that the form chooses: those of a project, else those that match the filter."""
    known = resources(request)
    if form.get("project_id"):
        with known.catalog.read() as s:
            project = views.project(s, whole_number("project_id", form.get("project_id")))
            return views.approved_of_project(s, project.id, MOST)
    asked = parse_filter({name: form.get(name) for name in FIELDS} | {"decision": "approved"})
    return collect(known, asked, MOST)[0]


@router.post("/links/{link_id:int}/revoke")
def revoke(link_id: int, request: Request, person: Operator) -> Response:
    """End a link, at once."""
    with resources(request).catalog.write() as s:
        writes.revoke_client_link(s, link_id, actor=person.name)
    return redirect("/links", "Revoked; whoever opens it now sees nothing.")
