"""Hands a flow run back to its work pool when its process is told to end (SIGTERM): another worker continues it.

An eviction, a preempted machine and a pool that is scaled down all send SIGTERM. Prefect would report the flow run as
crashed; this schedules it again, after its cells and its training state are handed back. A cancellation, which a worker
of Prefect's also sends as SIGTERM, is left alone.

So ends a process whose flow run another one has continued, too: Prefect took it for dead.
"""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import httpx
from prefect import State
from prefect._internal.control_listener import get_intent
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import Pause, TerminationSignal
from prefect.runtime import deployment, flow_run
from prefect.settings import get_current_settings
from prefect.states import AwaitingRetry

_log = logging.getLogger(__name__)
EXIT_SECONDS = 30.0
"""How long this process may take to exit. A worker that fetches a flow run while its process still runs would crash."""
MESSAGE = "its process was told to end (SIGTERM): a worker of its pool continues it"
TAKEN_OVER = "another process continues it"


class HandedBack(Pause):
    """The flow run is scheduled again; Prefect's engine ends this process without another state."""


def is_handed_back(error: BaseException) -> bool:
    """Return whether `error` ends a flow run here that continues elsewhere."""
    return isinstance(error, HandedBack) or (isinstance(error, TerminationSignal) and _by_whom() is not None)


def end_this_process() -> None:
    """Interrupt the flow of this process at its next step, from another thread."""
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def handed_back_on_sigterm(taken_over: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Schedule the flow run of this block again if SIGTERM ends the block.

    Only a flow run of a deployment: that of a command ends with the command. A subflow leaves it to the flow around it.
    `taken_over`: says whether another process has it already; then its state is that one's to set.
    """
    try:
        yield
    except TerminationSignal:
        if taken_over():
            raise HandedBack(TAKEN_OVER) from None
        context = FlowRunContext.get()
        if _by_whom() != "us" or context is None or context.flow_run is None:
            raise
        if context.flow_run.parent_task_run_id is not None:
            raise
        pause = timedelta(seconds=get_current_settings().worker.prefetch_seconds + EXIT_SECONDS)
        state: State[None] = AwaitingRetry(message=MESSAGE, scheduled_time=datetime.now(UTC) + pause)
        try:
            with get_client(sync_client=True) as client:
                client.set_flow_run_state(context.flow_run.id, state)
        except httpx.HTTPError as error:
            _log.warning("the flow run could not be scheduled again: %s", error)
            raise
        raise HandedBack(MESSAGE, state=state) from None


def _by_whom() -> Literal["us", "prefect"] | None:
    """Return who schedules the flow run again; None if it is cancelled, or not of a deployment."""
    intent = get_intent()
    if intent in ("reschedule", "relinquish"):  # `prefect flow-run execute`, in a container of its own
        return "prefect"
    if intent is not None or not deployment.id:
        return None
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(UUID(str(flow_run.root_flow_run_id))).state
    except httpx.HTTPError:
        return "us"  # as far as anybody can know it is not cancelled
    return "us" if state is not None and state.is_running() else None
