"""Closes runs whose process was killed, in the catalog and in Prefect, where they would stay Running for ever."""

import logging
from uuid import UUID

import httpx

from flows.resources import Resources
from storage.catalog import views
from storage.catalog.writes.runs.dead import close_crashed_runs, has_crashed_runs

_log = logging.getLogger(__name__)
MESSAGE = "the process of this run died; run the same spec again to generate what is missing"
MOST = 50  # of the newest crashed runs


def close_dead_runs(resources: Resources) -> int:
    """Close the runs that killed processes left open; return how many. Only writes if there are any."""
    catalog = resources.catalog
    if catalog.read_only:
        return 0
    with catalog.read() as s:
        if not has_crashed_runs(s, resources.settings.lease_seconds):
            return 0
    closed = catalog.transact(lambda s: close_crashed_runs(s, resources.settings.lease_seconds))
    for run in closed:
        _log.warning("the process of run %s died; the run is closed as crashed", run.id)
    return len(closed)


def crash_dead_flow_runs(resources: Resources) -> None:
    """From within a flow: set the flow runs of crashed runs, and their subflows, to Crashed in Prefect.

    A worker reports the death of its flow run, but not of subflows, and nothing reports a run without a worker.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterParentFlowRunId
    from prefect.context import FlowRunContext
    from prefect.states import Crashed

    with resources.catalog.read() as s:
        dead = [UUID(one) for one in views.crashed_flow_runs(s, limit=MOST)]
    if not dead or FlowRunContext.get() is None:  # outside a flow there may be no server
        return
    themselves = FlowRunFilter(id=FlowRunFilterId(any_=dead))
    subflows = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=dead))
    try:
        with get_client(sync_client=True) as client:
            for wanted in (subflows, themselves):
                for one in client.read_flow_runs(flow_run_filter=wanted):
                    if one.state is None or not one.state.is_final():
                        client.set_flow_run_state(one.id, Crashed(message=MESSAGE))
    except httpx.HTTPError as error:
        _log.warning("flow runs of dead processes could not be closed: %s", error)
