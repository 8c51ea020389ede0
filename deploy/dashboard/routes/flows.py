"""Flows: start a run of an allowed deployment, watch it, cancel it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deploy.dashboard import flow_parameters, schema_form
from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page, redirect
from deploy.dashboard.prefect_api import Deployment, FlowNotAllowedError, FlowRun, PrefectUnavailableError, once_key
from deploy.dashboard.resources import resources
from deploy.dashboard.security.text import check_plain
from storage.catalog import views, writes
from storage.catalog.records import CatalogError, NotInCatalogError
from storage.redaction import contains_secret

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]


@router.get("/flows")
def flows(request: Request, person: Operator, of: int | None = None, more: str = "seeds") -> Response:
    """Show the flows that can be started and the latest runs, or that Prefect is unavailable.

    `of`, `more`: an order that goes on from an output, which has a page of its own now.
    """
    if of is not None:
        return RedirectResponse(f"/orders/new?{urlencode({'of': of, 'more': more})}", 303)
    known = resources(request)
    deployments: list[Deployment] = []
    away = ""
    try:
        deployments = known.prefect.deployments()
    except PrefectUnavailableError as error:
        away = str(error)
    # attention maps are requested on the page of their picture, catalog runs on a page of their own
    ours = (flow_parameters.ATTENTION, flow_parameters.CATALOG)
    forms = [(one, schema_form.fields(one.schema, one.parameters)) for one in deployments if one.name not in ours]
    orders = next((one for one in deployments if one.name == flow_parameters.CATALOG), None)
    return page(
        request,
        "flows.html",
        person,
        forms=forms,
        away=away,
        orders=orders,
        allowed=known.prefect.allowed,
        **_runs(request),
    )


@router.get("/fragments/flow-runs")
def runs(request: Request, person: Operator) -> Response:
    """Render the list of runs alone; the page polls it every few seconds."""
    return page(request, "_flow_runs.html", person, **_runs(request))


def _runs(request: Request) -> dict[str, Any]:
    """Return the latest list of runs that the person may see, marked as stale while Prefect is unavailable."""
    known, state, away = resources(request), request.app.state, ""
    last: list[FlowRun] = getattr(state, "flow_runs", [])
    try:
        state.flow_runs = last = known.prefect.runs()
    except PrefectUnavailableError as error:
        away = str(error)
    with known.catalog.read() as s:
        seen = views.flow_runs_seen(s, [one.id for one in last])
    return {"runs": [one for one in last if one.id in seen], "stale": away, "ui": known.prefect.ui}


@router.post("/flows/run")
async def start(request: Request, person: Operator) -> Response:
    """Create a flow run from the form."""
    form = await request.form()
    return await run_in_threadpool(_start, request, person, form)


def _start(request: Request, person: Person, form: FormData) -> Response:
    known, name = resources(request), str(form.get("deployment") or "")
    if name not in known.prefect.allowed:
        raise FlowNotAllowedError(f"{name[:60]!r} is not an allowed flow; see DREAMTUNER_DASHBOARD_FLOWS")
    deployment = next((one for one in known.prefect.deployments() if one.name == name), None)
    if deployment is None:
        raise PrefectUnavailableError(f"Prefect has no deployment {name}; run `dreamtuner deploy` first")
    given = schema_form.read(form, schema_form.fields(deployment.schema, deployment.parameters))
    check_plain(given)  # JSON in a field may hold escapes, such as \u0000
    with known.catalog.read() as s:
        flow_parameters.check_names(given, s)
    if contains_secret(given):
        raise CatalogError(
            "a URL in this request contains a password or signature, which would be visible in Prefect; ingest the "
            "subject with `dreamtuner ingest`, or use an s3:// URL"
        )
    flow_run_id = known.prefect.start(name, given, key=once_key(form.get("once"), name, given))
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
    with known.catalog.read() as s:
        if run not in views.flow_runs_seen(s, [run]):
            raise NotInCatalogError("this run is not known; the list of runs shows those that you can cancel")
    known.prefect.cancel(run)
    with known.catalog.write() as s:
        writes.record_audit(s, actor=person.name, action="cancel flow", entity="flow run", entity_id=run)
    return redirect("/flows", "Cancellation requested.")
