"""A run: its state and reason, its progress, what it took and cost, and its results."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.flow_parameters import CATALOG
from deploy.dashboard.live import figures_of, live_of
from deploy.dashboard.ordering.parameters import spec_parameter
from deploy.dashboard.pages import page, redirect, sentences
from deploy.dashboard.prefect_api import PrefectUnavailableError, once_key
from deploy.dashboard.resources import resources
from storage.catalog import views, writes
from storage.catalog.records import CatalogError
from storage.redaction import HIDDEN
from storage.run_costs import duration, run_cost

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
Operator = Annotated[Person, Depends(Needs("operator"))]


@router.get("/runs/{run_id}")
def run(run_id: str, request: Request, person: Viewer) -> Response:
    """Show a run: state and reason, progress, what it took and cost, subjects, warnings, and links to its images."""
    known = resources(request)
    with known.catalog.read() as s:
        warnings, quota = views.warnings_of_run(s, run_id), views.quota_of_run(s, run_id)
    shown = _state(run_id, request)
    one = shown["one"]
    ui = f"{known.prefect.ui}/runs/flow-run/{one.flow_run_id}" if known.prefect.ui and one.flow_run_id else ""
    takes_orders = known.takes_orders(CATALOG)
    said = sentences(warnings, 50)
    return page(request, "run.html", person, prefect=ui, warnings=said, quota=quota, takes_orders=takes_orders, **shown)


@router.get("/runs/{run_id}/state")
def state(run_id: str, request: Request, person: Viewer) -> Response:
    """Render the part of the page that changes while the run is in progress; the page is loaded again at its end."""
    shown = _state(run_id, request, polled=True)
    answer = page(request, "_run_state.html", person, **shown)
    if shown["one"].state != "running":
        answer.headers["HX-Refresh"] = "true"
    return answer


def _state(run_id: str, request: Request, *, polled: bool = False) -> dict[str, Any]:
    known = resources(request)
    with known.catalog.read() as s:
        one = views.run(s, run_id)
        figures = None if polled else views.run_figures(s, run_id)
    figures = figures or figures_of(request, run_id)
    rates, until = known.settings.rates, one.finished_at or datetime.now(UTC)
    return {
        "one": one,
        "figures": figures,
        "cost": run_cost(figures, rates),
        "rates": rates,
        "took": duration(round((until - one.started_at).total_seconds())),
        "left": live_of(request).snapshot().left.get(run_id) if one.state == "running" else None,
    }


@router.post("/runs/{run_id}/again")
def again(run_id: str, request: Request, person: Operator, once: Annotated[str, Form(max_length=64)] = "") -> Response:
    """Run the spec of a run again, which generates what is missing."""
    known = resources(request)
    with known.catalog.read() as s:
        spec = views.spec_of_run(s, run_id)
    if HIDDEN in json.dumps(spec):
        raise CatalogError(
            "an address in this run's spec had a password or signature, which is not stored; run the spec from its file"
        )
    given = {"spec": spec_parameter(known, spec, person.name)}
    flow_run_id = known.prefect.start(CATALOG, given, key=once_key(once, CATALOG, given))
    with known.catalog.write() as s:
        after = {"deployment": CATALOG, "run": run_id}
        writes.record_audit(
            s, actor=person.name, action="start flow", entity="flow run", entity_id=flow_run_id, after=after
        )
    return redirect(f"/runs/{run_id}", "Run started. It appears on the home page once a worker begins it.")


@router.post("/runs/{run_id}/cancel")
def cancel(run_id: str, request: Request, person: Operator) -> Response:
    """Ask all workers of a run to stop; they do after their present images, and at once where Prefect reaches them."""
    known = resources(request)
    with known.catalog.write() as s:
        writes.cancel_run(s, run_id, actor=person.name)
        flow_run_id = views.run(s, run_id).flow_run_id
    if flow_run_id is not None and known.settings.prefect_api:
        with suppress(PrefectUnavailableError):  # the run's workers read the catalog
            known.prefect.cancel(flow_run_id)
    return redirect(f"/runs/{run_id}", "Cancellation requested.")
