"""Waits while other processes generate the rest of a run, or fine-tune what its cells wait for."""

import time
from collections.abc import Collection

from flows.execution.run_trainings import awaited
from flows.progress import report_progress
from flows.resources import Resources
from storage.catalog import views

POLL_SECONDS = 1.0


def wait_for_others(resources: Resources, run_id: str, *, but: Collection[str], unable: Collection[str] = ()) -> None:
    """Return once there is something to do, or nothing to wait for.

    To do: a cell of the run that can be claimed and is not in `but`, or a fine-tuning that is not in `unable`. A dead
    process's can be claimed too: at once on this machine, elsewhere when their lease expires.
    """
    while True:
        with resources.catalog.read() as s:
            found = views.poll_run(s, run_id, most=len(but) + 1)
            trainings = awaited(s, run_id, unable)
        if any(digest not in but for digest in found.claimable) or any(one.free for one in trainings):
            return
        if not found.generating and not trainings:
            return
        total = found.total + sum(one.cells for one in trainings)
        note = "another run is generating the rest" if found.generating else "other workers are fine-tuning"
        report_progress("generate", found.generated, total, note)
        time.sleep(POLL_SECONDS)
