"""Closes runs whose process was killed, in the catalog and in Prefect, where they would stay Running for ever."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import httpx

from flows.resources import Resources
from storage.catalog import views
from storage.catalog.writes.runs.dead import close_crashed_runs, has_crashed_runs

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

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

    A worker reports the death of its flow run, but not of subflows, and nothing reports a run without a worker. A flow
    run that is scheduled again, or was started again since, lives.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterParentFlowRunId
    from prefect.context import FlowRunContext
    from prefect.states import Crashed

    with resources.catalog.read() as s:
        dead = {UUID(one): seen for one, seen in views.crashed_flow_runs(s, limit=MOST).items()}
    if not dead or FlowRunContext.get() is None:  # outside a flow there may be no server
        return
    try:
        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(dead))))
            gone = [one for one in found if not _again(one.state, dead[one.id])]
            parents = FlowRunFilterParentFlowRunId(any_=[one.id for one in gone])
            subflows = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parents)) if gone else []
            for one in (*subflows, *gone):
                if one.state is None or not one.state.is_final():
                    client.set_flow_run_state(one.id, Crashed(message=MESSAGE))
    except httpx.HTTPError as error:
        _log.warning("flow runs of dead processes could not be closed: %s", error)


def _again(state: "State | None", seen: datetime) -> bool:
    """Return whether a flow run is scheduled again, or runs in a process that began after the dead one was heard of."""
    if state is None or state.is_final():
        return False
    return state.is_scheduled() or state.is_pending() or (state.is_running() and state.timestamp > seen)
