"""Runs: order, wait, look at, cancel."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from fastapi import Query, Response
from sqlalchemy.orm import Session
from starlette.requests import Request

from deploy.dashboard.api import orders
from deploy.dashboard.api.listed import Cursor, Limit, Listed, listed
from deploy.dashboard.api.models.runs import (
    Cell,
    Cost,
    Images,
    OrderRequest,
    Plan,
    Run,
    RunMetrics,
    RunSpec,
    State,
)
from deploy.dashboard.api.once import made_id
from deploy.dashboard.api.problems import ProblemError
from deploy.dashboard.api.rights import Measurer, Orderer, Reader
from deploy.dashboard.api.route import router as routes
from deploy.dashboard.api.seen import run_of
from deploy.dashboard.flow_parameters import CATALOG
from deploy.dashboard.live import figures_of
from deploy.dashboard.ordering.parameters import FLAGS, order_parameters
from deploy.dashboard.prefect_api import PrefectUnavailableError
from deploy.dashboard.resources import Resources, resources
from storage.catalog import views, writes
from storage.catalog.records import NotInCatalogError, RunState
from storage.run_costs import run_cost_json

router = routes("runs")
ENDS: dict[str, State] = {"FAILED": "failed", "CRASHED": "crashed", "CANCELLED": "cancelled", "COMPLETED": "failed"}
"""What an order is that ended without beginning a run, by the orchestrator's state."""
DryRun = Annotated[bool, Query(description="say what it comes to, and order nothing")]


@router.get("/runs")
def runs(
    request: Request,
    response: Response,
    person: Reader,
    state: RunState | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listed[Run]:
    """List runs, the newest first."""
    with resources(request).catalog.read() as s:
        page = views.runs_page(s, after=cursor, limit=limit, state=state)
    return listed(request, response, [_run(one) for one in page.rows], page.next)


@router.post("/runs", status_code=202, responses={200: {"model": Plan, "description": "Of a dry run"}})
def order(
    sent: OrderRequest, request: Request, response: Response, person: Orderer, dry_run: DryRun = False
) -> Run | Plan:
    """Order a run of a spec; with `dry_run` only say what it comes to."""
    known = resources(request)
    checked, spec = orders.check(known, sent)
    if dry_run:
        response.status_code = 200
        return orders.plan(checked)
    if checked.over_quota and not sent.over_quota:
        said = f"over_quota: {checked.over_quota} Send over_quota: true to order it all the same, or ask for less"
        raise ProblemError(422, said, field="over_quota", remedy="send over_quota: true, or ask for less")
    flags = {name: getattr(sent, name) for name in FLAGS}
    given = order_parameters(known, checked.draft, spec, flags, person.name)
    # the same request under its key is the same flow run, whenever a process was killed
    flow_run_id = known.prefect.start(CATALOG, given, key=str(made_id(request)))
    with known.catalog.write() as s:
        writes.add_order(s, id=flow_run_id, user_id=person.user_id)
        after = {"deployment": CATALOG, "parameters": given}
        about: dict[str, Any] = {"entity": "flow run", "entity_id": flow_run_id, "after": after}
        writes.record_audit(s, actor=person.name, action="start flow", **about)
    response.headers["Location"] = f"{request.url.path}/{flow_run_id}"
    return Run(id=flow_run_id, order=flow_run_id, name=spec.name, state="ordered")


@router.get("/runs/{run_id}")
def run(run_id: str, request: Request, person: Reader) -> Run:
    """Return a run, by its id or by its order's."""
    known = resources(request)
    with known.catalog.read() as s:
        found = views.run_known_as(s, run_id[:64])
        if found is not None:
            return _run(views.run(s, found))
    return _ordered(known, run_id)


@router.get("/runs/{run_id}/spec")
def spec(run_id: str, request: Request, person: Reader) -> RunSpec:
    """Return the spec of a run."""
    with resources(request).catalog.read() as s:
        return RunSpec(spec=views.spec_of_run(s, run_of(s, run_id)))


@router.get("/runs/{run_id}/cells")
def cells(
    run_id: str, request: Request, response: Response, person: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Listed[Cell]:
    """List the cells of a run in grid order."""
    with resources(request).catalog.read() as s:
        page = views.cells_page(s, run_of(s, run_id), after=cursor, limit=limit)
    return listed(request, response, [Cell.model_validate(one) for one in page.rows], page.next)


@router.get("/runs/{run_id}/metrics")
def run_metrics(run_id: str, request: Request, person: Measurer) -> RunMetrics:
    """Return a run's figures: images, decisions, device-seconds and what it cost."""
    known = resources(request)
    with known.catalog.read() as s:
        found = run_of(s, run_id)
    figures = run_cost_json(figures_of(request, found), known.settings.rates)
    return RunMetrics(images=Images.model_validate(figures["images"]), cost=Cost.model_validate(figures["cost"]))


@router.post("/runs/{run_id}/cancel", status_code=202)
def cancel(run_id: str, request: Request, person: Orderer) -> Run:
    """Ask the workers of a run to stop, or take an order back."""
    known = resources(request)

    def work(s: Session) -> tuple[str | None, str]:
        found = views.run_known_as(s, run_id[:64])
        if found is None:
            return None, _open_order(s, run_id)
        writes.cancel_run(s, found, actor=person.name)
        return found, views.run(s, found).flow_run_id or ""

    found, flow_run_id = known.catalog.transact(work)
    if found is None:
        known.prefect.cancel(flow_run_id)
        with known.catalog.write() as s:
            about: dict[str, Any] = {"entity": "flow run", "entity_id": flow_run_id}
            writes.record_audit(s, actor=person.name, action="cancel flow", **about)
        return _ordered(known, flow_run_id)
    if flow_run_id and known.settings.prefect_api:
        with suppress(PrefectUnavailableError):  # the run's workers read the catalog
            known.prefect.cancel(flow_run_id)
    with known.catalog.read() as s:
        return _run(views.run(s, found))


def _open_order(s: Session, id: str) -> str:
    found = views.order(s, id[:64])
    if found is None:
        raise NotInCatalogError(f"run {id[:60]!r} is not in the catalog; GET /api/v1/runs lists the runs")
    return found.id


def _ordered(known: Resources, id: str) -> Run:
    """Return an order that no run began for. Raises NotInCatalogError."""
    with known.catalog.read() as s:
        order_id = _open_order(s, id)
    reason = None
    state: State = "ordered"
    try:
        there = known.prefect.state(order_id)
        state = "failed" if there is None else ENDS.get(there, "ordered")
        if state == "failed":
            reason = "it ended before its run began; Prefect's page of the flow run says why"
    except PrefectUnavailableError as error:
        reason = str(error)
    return Run(id=order_id, order=order_id, name=None, state=state, reason=reason)


def _run(one: Any) -> Run:
    fields = {name: getattr(one, name) for name in ("id", "name", "state", "reason", "started_at", "finished_at")}
    refused = dict(getattr(one, "refused", None) or {})
    cells = None if one.cells is None else dict(one.cells)
    return Run(**fields, order=one.flow_run_id, cells=cells, refused=refused)
