"""Waits while other processes generate the rest of a run, or fine-tune what its cells wait for."""

import time
from typing import TYPE_CHECKING

from flows.execution.costs.stop import stop_if_cancelled
from flows.execution.run_trainings import RunTrainings
from flows.progress import report_note
from storage.catalog import views

if TYPE_CHECKING:
    from flows.execution.generation_worker import Worker

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 15.0
"""The first and the longest pause between two looks: a thousand workers may wait for the last one."""


def wait_for_others(worker: "Worker", run_id: str, trainings: RunTrainings) -> bool:
    """Wait until there is something to do (True), or nothing to wait for (False).

    To do: a cell of the run that this worker can claim, such as one whose frame before is generated now, or a
    fine-tuning. A dead process's can be claimed too: at once on this machine, elsewhere when their lease expires.
    Raises RunStoppedError if the run is cancelled meanwhile.
    """
    pause = FIRST_SECONDS
    while True:
        left = worker.ask(lambda s: views.run_left(s, run_id, but=worker.blocked, but_profiles=worker.claims.unable))
        awaited = trainings.awaited()
        if left.claimable or any(one.free for one in awaited) or worker.retry_frames():
            return True
        if not left.generating and not awaited:
            return False
        report_note("another run is generating the rest" if left.generating else "other workers are fine-tuning")
        worker.patience.retry(lambda: stop_if_cancelled(worker.resources, run_id, worker.flush))
        time.sleep(pause)
        pause = min(1.25 * pause, LONGEST_SECONDS)
