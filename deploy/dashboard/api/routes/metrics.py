"""Metrics: counts of the catalog."""

from __future__ import annotations

from typing import get_args

from starlette.requests import Request

from deploy.dashboard.api.models.runs import Metrics
from deploy.dashboard.api.rights import Measurer
from deploy.dashboard.api.route import router as routes
from deploy.dashboard.resources import resources
from storage.catalog import views
from storage.catalog.records import CellState

router = routes("metrics")


@router.get("/metrics")
def metrics(request: Request, person: Measurer) -> Metrics:
    """Return how many images and cells there are in each state, each up to 10,001."""
    with resources(request).catalog.read() as s:
        return Metrics(
            decisions={str(one): count for one, count in views.decisions(s).items()},
            cells={str(one): count for one, count in views.cell_states(s, get_args(CellState)).items()},
            runs_in_progress=views.runs_in_progress(s),
            scores=views.metrics(s),
        )
