"""While another process makes the rest of a run: look now and then, and see at once when it is gone."""

import time
from collections.abc import Collection

from flows.progress import report_progress
from flows.resources import Resources
from storage.catalog import views

POLL_SECONDS = 1.0


def wait_for_others(resources: Resources, run_id: str, *, but: Collection[str]) -> None:
    """Return once nobody makes cells of the run any more, or one may be claimed that is not among `but`.

    A cell may be claimed also when its holder died: at once on this machine, elsewhere when its lease has run out.
    """
    while True:
        with resources.catalog.read() as s:
            found = views.poll_run(s, run_id, most=len(but) + 1)
        if not found.generating or any(digest not in but for digest in found.claimable):
            return
        report_progress("generate", found.generated, found.total, "another run is making the rest")
        time.sleep(POLL_SECONDS)
