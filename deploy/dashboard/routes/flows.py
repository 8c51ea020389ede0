"""Flows: start a run of an allowed deployment, watch it, cancel it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard import flow_parameters, schema_form
from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page, redirect
from deploy.dashboard.prefect_api import Deployment, FlowNotAllowedError, FlowRun, PrefectUnavailableError
from deploy.dashboard.prefilled import Prefilled, prefilled
from deploy.dashboard.resources import resources
from deploy.dashboard.security.text import check_plain
from storage.catalog import views, writes
from storage.catalog.records import CatalogError
from storage.catalog.views import SubjectDetail, SubjectRow
from storage.redaction import contains_secret

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]


@router.get("/flows")
def flows(request: Request, person: Operator, of: int | None = None, more: str = "seeds") -> Response:
    """Show the flows that can be started and the latest runs, or that Prefect is unavailable.

    `of`: the output that the order of a catalog run goes on from; `more`: in which way, a key of prefilled.MORE.
    """
    known = resources(request)
    deployments: list[Deployment] = []
    away = ""
    try:
        deployments = known.prefect.deployments()
    except PrefectUnavailableError as error:
        away = str(error)
    with known.catalog.read() as s:
        order = Prefilled() if of is None else prefilled(s, of, more)
        subjects = _first(order.subjects, views.subjects_page(s, limit=200))
    # attention maps are requested on the page of their picture
    shown = [one for one in deployments if one.name != flow_parameters.ATTENTION]
    filled = {flow_parameters.CATALOG: {"spec": order.spec}} if order.spec else {}
    forms = [(one, schema_form.fields(one.schema, {**one.parameters, **filled.get(one.name, {})})) for one in shown]
    if of is not None:
        forms = [form for form in forms if form[0].name == flow_parameters.CATALOG]
    catalog = next((fields for one, fields in forms if one.name == flow_parameters.CATALOG), [])
    return page(
        request,
        "flows.html",
        person,
        forms=forms,
        away=away,
        subjects=subjects,
        order=order,
        chosen=[one.id for one in order.subjects],
        catalog=flow_parameters.CATALOG,
        further=flow_parameters.FurtherFields.of(catalog),
        allowed=known.prefect.allowed,
        **_runs(request),
    )


def _first(chosen: Sequence[SubjectDetail], listed: Sequence[SubjectRow]) -> list[SubjectRow]:
    """Return the list with the chosen subjects at its beginning."""
    first = [
        SubjectRow(one.id, one.name, one.class_word, one.style, one.references[0].sha256 if one.references else None)
        for one in chosen
    ]
    return [*first, *(row for row in listed if row.id not in {one.id for one in first})]


@router.get("/fragments/flow-runs")
def runs(request: Request, person: Operator) -> Response:
    """Render the list of runs alone; the page polls it every few seconds."""
    return page(request, "_flow_runs.html", person, **_runs(request))


def _runs(request: Request) -> dict[str, Any]:
    """Return the latest list of runs, marked as stale while Prefect is unavailable."""
    known, state = resources(request), request.app.state
    last: list[FlowRun] = getattr(state, "flow_runs", [])
    try:
        state.flow_runs = last = known.prefect.runs()
        return {"runs": last, "stale": "", "ui": known.prefect.ui}
    except PrefectUnavailableError as error:
        return {"runs": last, "stale": str(error), "ui": known.prefect.ui}


@router.post("/flows/run")
async def start(request: Request, person: Operator) -> Response:
    """Create a flow run from the form."""
    form = await request.form()
    return await run_in_threadpool(_start, request, person, form)


def _start(request: Request, person: Person, form: flow_parameters.Form) -> Response:
    known, name = resources(request), str(form.get("deployment") or "")
    if name not in known.prefect.allowed:
        raise FlowNotAllowedError(f"{name[:60]!r} is not an allowed flow; see DREAMTUNER_DASHBOARD_FLOWS")
    deployment = next((one for one in known.prefect.deployments() if one.name == name), None)
    if deployment is None:
        raise PrefectUnavailableError(f"Prefect has no deployment {name}; run `dreamtuner deploy` first")
    fields = schema_form.fields(deployment.schema, deployment.parameters)
    if name == flow_parameters.CATALOG and form.get("as") == "form":
        with known.catalog.read() as s:
            chosen = [int(str(one)[:20]) for one in form.getlist("subject") if str(one).isdecimal()]
            subjects = [views.subject(s, one) for one in chosen]
        given = flow_parameters.catalog_parameters(form, subjects, flow_parameters.FurtherFields.of(fields))
    else:
        given = schema_form.read(form, fields)
    check_plain(given)  # JSON in a field may hold escapes, such as \u0000
    with known.catalog.read() as s:
        flow_parameters.check_names(given, s)
    if contains_secret(given):
        raise CatalogError(
            "a URL in this request contains a password or signature, which would be visible in Prefect; ingest the "
            "subject with `dreamtuner ingest`, or use an s3:// URL"
        )
    flow_run_id = known.prefect.start(name, given)
    with known.catalog.write() as s:
        after = {"deployment": name, "parameters": given}
        writes.record_audit(
            s, actor=person.name, action="start flow", entity="flow run", entity_id=flow_run_id, after=after
        )
    return redirect("/flows", "Run started.")


@router.post("/flows/{flow_run_id:uuid}/cancel")
def cancel(flow_run_id: UUID, request: Request, person: Operator) -> Response:
    """Request the cancellation of a run."""
    known, run = resources(request), str(flow_run_id)
    known.prefect.cancel(run)
    with known.catalog.write() as s:
        writes.record_audit(s, actor=person.name, action="cancel flow", entity="flow run", entity_id=run)
    return redirect("/flows", "Cancellation requested.")
