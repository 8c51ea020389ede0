"""Waits while other processes generate the rest of a run."""

import time
from collections.abc import Collection

from flows.progress import report_progress
from flows.resources import Resources
from storage.catalog import views

POLL_SECONDS = 1.0


def wait_for_others(resources: Resources, run_id: str, *, but: Collection[str]) -> None:
    """Return once no cell of the run is being generated, or one that is not in `but` can be claimed.

    A dead process's cells can be claimed too: at once on this machine, elsewhere when their lease expires.
    """
    while True:
        with resources.catalog.read() as s:
            found = views.poll_run(s, run_id, most=len(but) + 1)
        if not found.generating or any(digest not in but for digest in found.claimable):
            return
        report_progress("generate", found.generated, found.total, "another run is generating the rest")
        time.sleep(POLL_SECONDS)
