"""A worker of a run as a flow run of the deployment `generate`, which a worker of its pool takes."""

from typing import Literal

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.states import Cancelled, Cancelling

DEPLOYMENT = "generate/generate"


class PoolHelper:
    """A flow run that generates cells of a run once a worker of the pool is free."""

    def __init__(self, run_id: str) -> None:
        with get_client(sync_client=True) as client:
            deployment = client.read_deployment_by_name(DEPLOYMENT)
            made = client.create_flow_run_from_deployment(
                deployment.id, parameters={"run_id": run_id}, tags=[f"run:{run_id}"]
            )
        self._id = made.id

    def state(self) -> Literal["at work", "ended", "died"]:
        """Return what became of it; it died if it crashed. One that a person cancelled has ended."""
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(self._id).state
        if state is None or not state.is_final():
            return "at work"
        return "died" if state.is_crashed() else "ended"

    def dismiss(self) -> None:
        """Cancel it if no worker has begun it."""
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(self._id).state
            if state is not None and (state.is_scheduled() or state.is_pending()):
                self._set(client, running=False)

    def stop(self) -> None:
        """Cancel it; its worker ends it after the current step."""
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(self._id).state
            if state is not None and not state.is_final():
                self._set(client, running=state.is_running())

    def _set(self, client: SyncPrefectClient, *, running: bool) -> None:
        message = "its run has ended"
        client.set_flow_run_state(self._id, Cancelling(message=message) if running else Cancelled(message=message))
