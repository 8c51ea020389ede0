"""Workers of a run as flow runs of the deployment `generate`, which the workers of its pool take."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, WorkerStatus
from prefect.exceptions import ObjectNotFound
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled, Cancelling

DEPLOYMENT = "generate/generate"
PAGE = 200  # flow runs in one answer, Prefect's limit
FRESH_SECONDS = 1.0
SIZE_SECONDS = 10.0


@dataclass(frozen=True)
class GeneratePool:
    """The work pool of the deployment `generate`; `ours`: whether this flow run is of the same pool."""

    deployment_id: UUID
    name: str
    ours: bool


def generate_pool() -> GeneratePool | None:
    """Find the pool that generates. None outside a deployment, and where there is no deployment `generate`."""
    if not deployment.id:
        return None
    with get_client(sync_client=True) as client:
        try:
            generate = client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            return None
        this = client.read_flow_run(UUID(str(flow_run.root_flow_run_id)))
    name = generate.work_pool_name or ""
    return GeneratePool(generate.id, name, this.work_pool_name == name)


class Pool:
    """The pool that generates, as the workers of one run see it."""

    def __init__(self, pool: GeneratePool, run_id: str) -> None:
        self.run_id, self.name = run_id, pool.name
        self._deployment_id = pool.deployment_id
        self._states: dict[UUID, State | None] = {}
        self._read_at, self._sized_at, self._size = 0.0, 0.0, 1

    def start(self, number: int) -> "PoolHelper":
        """Create a flow run; a worker of the pool takes it once one is free."""
        parameters, tags = {"run_id": self.run_id}, [self._tag]
        with get_client(sync_client=True) as client:
            made = client.create_flow_run_from_deployment(self._deployment_id, parameters=parameters, tags=tags)
        return PoolHelper(self, made.id)

    def at_work(self) -> "list[PoolHelper]":
        """Return the flow runs that an earlier process of this run started and that have not ended."""
        with get_client(sync_client=True) as client:
            found = self._read(client)
        return [PoolHelper(self, one.id) for one in found if one.state is not None and not one.state.is_final()]

    def size(self) -> int:
        """Return how many workers of the pool are online, at most its limit and at least 1."""
        if time.monotonic() - self._sized_at > SIZE_SECONDS:
            with get_client(sync_client=True) as client:
                online = [one for one in client.read_workers_for_work_pool(self.name) if _is_online(one.status)]
                limit = client.read_work_pool(self.name).concurrency_limit
            self._size = max(1, len(online) if limit is None else min(len(online), limit))
            self._sized_at = time.monotonic()
        return self._size

    def state_of(self, flow_run_id: UUID) -> State | None:
        """Return the state of one of the run's flow runs, which are read together."""
        if time.monotonic() - self._read_at > FRESH_SECONDS or flow_run_id not in self._states:
            with get_client(sync_client=True) as client:
                self._states = {one.id: one.state for one in self._read(client)}
            self._read_at = time.monotonic()
        return self._states.get(flow_run_id)

    def _read(self, client: SyncPrefectClient) -> list[FlowRun]:
        ours = FlowRunFilter(tags=FlowRunFilterTags(all_=[self._tag]))
        generate = DeploymentFilter(id=DeploymentFilterId(any_=[self._deployment_id]))
        found: list[FlowRun] = []
        while len(found) % PAGE == 0:
            page = client.read_flow_runs(
                flow_run_filter=ours, deployment_filter=generate, limit=PAGE, offset=len(found)
            )
            found += page
            if not page:
                break
        return found

    @property
    def _tag(self) -> str:
        return f"run:{self.run_id}"


def _is_online(status: WorkerStatus | str | None) -> bool:
    return status is not None and WorkerStatus(status) == WorkerStatus.ONLINE


class PoolHelper:
    """A flow run that generates cells of a run."""

    def __init__(self, pool: Pool, flow_run_id: UUID) -> None:
        self._pool, self._id = pool, flow_run_id

    def state(self) -> Literal["at work", "ended", "died"]:
        """Return what became of it; it died if it crashed. One that a person cancelled has ended."""
        state = self._pool.state_of(self._id)
        if state is None or not state.is_final():
            return "at work"
        return "died" if state.is_crashed() else "ended"

    def why(self) -> str | None:
        """Return the message of its state if it failed or crashed."""
        state = self._pool.state_of(self._id)
        return state.message if state is not None and (state.is_failed() or state.is_crashed()) else None

    def dismiss(self) -> None:
        """Cancel it if no worker has begun it."""
        self._change(lambda state: Cancelled(message=_OVER) if state.is_scheduled() or state.is_pending() else None)

    def stop(self) -> None:
        """Cancel it; its worker ends it after the current step."""

        def stopped(state: State) -> State | None:
            if state.is_final():
                return None
            return Cancelling(message=_OVER) if state.is_running() else Cancelled(message=_OVER)

        self._change(stopped)

    def _change(self, change: Callable[[State], State | None]) -> None:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(self._id).state
            news = None if state is None else change(state)
            if news is not None:
                client.set_flow_run_state(self._id, news)


_OVER = "its run has ended"
