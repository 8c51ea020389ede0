"""Flow runs of killed processes: closed in Prefect by the next run, whoever carried them out."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.states import Completed, Running

from flows.execution.dead_runs import close_dead_runs, crash_dead_flow_runs
from flows.resources import Resources
from flows.settings import Settings
from storage.catalog import views, writes
from storage.catalog.owners import this_owner

pytestmark = pytest.mark.usefixtures("prefect_api")


@flow
def parent() -> None: ...


@flow
def child() -> None: ...


@task
def placeholder() -> None:
    """What a subflow is to its parent."""


@pytest.fixture
def gone() -> str:
    """The owner string of a process that runs no more."""
    code = "from storage.catalog.owners import this_owner; print(this_owner())"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def running(client: SyncPrefectClient, *, under: UUID | None = None) -> UUID:
    """A flow run that says it is running; `under` another one."""
    if under is None:
        return client.create_flow_run(parent, state=Running()).id
    place = client.create_task_run(placeholder, flow_run_id=under, dynamic_key="0", state=Running())
    return client.create_flow_run(child, parent_task_run_id=place.id, state=Running()).id


def run(settings: Settings, flow_run_id: UUID, owner: str) -> str:
    with Resources.open(settings).catalog.write() as s:
        return writes.start_run(s, name="trip", spec={}, flow_run_id=str(flow_run_id), owner=owner)


def test_a_killed_runs_flow_run_and_its_subflows_are_crashed_and_those_of_the_living_are_not(
    settings: Settings, gone: str
) -> None:
    with get_client(sync_client=True) as client:
        killed, living, done = (running(client) for _ in range(3))
        under_killed, under_living = running(client, under=killed), running(client, under=living)
        client.set_flow_run_state(done, Completed(), force=True)
        dead = run(settings, killed, gone)
        alive = run(settings, living, this_owner())
        run(settings, done, gone)

        def states() -> list[StateType | None]:
            return [client.read_flow_run(one).state_type for one in (killed, under_killed, living, under_living, done)]

        assert close_dead_runs(Resources.open(settings)) == 2
        crash_dead_flow_runs(Resources.open(settings))
        assert states()[0] == StateType.RUNNING, "outside a flow no server is asked"

        @flow
        def next_run() -> None:
            crash_dead_flow_runs(Resources.open(settings))

        next_run()
        crashed, still = StateType.CRASHED, StateType.RUNNING
        assert states() == [crashed, crashed, still, still, StateType.COMPLETED]
    with Resources.open(settings).catalog.read() as s:
        found = {one.id: one.state for one in views.recent_runs(s)}
    assert (found[dead], found[alive]) == ("crashed", "running")
