"""Conducts a run whose workers generate elsewhere: plans what becomes possible, scores beside, waits for the end."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from flows.execution.costs.stop import stop_if_asked
from flows.execution.crew.crew import Crew
from flows.execution.run_trainings import awaited
from flows.progress import report_progress
from flows.resources import Resources
from storage.catalog import views
from storage.catalog.records import MAX_FAILURES, CellView
from storage.catalog.views import RunTrainingView

_log = logging.getLogger(__name__)
POLL_SECONDS = 1.0


class Conductor:
    """Conducts one run.

    `plan(digest)`: plans the cells of a finished fine-tuning; `score()`: scores some of the images that are stored and
    not scored yet, and returns whether there were any. `why`: the first reason that a worker gave for its end.
    """

    def __init__(
        self, resources: Resources, run_id: str, plan: Callable[[str], None], score: Callable[[], bool]
    ) -> None:
        self._resources, self._run_id = resources, run_id
        self._patience = resources.patience()
        self._plan, self._score = plan, score
        self._scores = True
        self.why: str | None = None
        self._reported: tuple[int, int, str] | None = None

    def conduct(self, hire: Callable[[], AbstractContextManager[Crew]]) -> dict[str, str]:
        """Return when nothing is left that the crew's workers could do; the crew is only hired if there is something.

        Returns why the fine-tunings failed that did, by subject. Raises RunStoppedError, see stop_if_asked.
        """
        if not self._step():
            with hire() as workers:
                while not self._step() and not workers.idle:
                    self._stop_if_asked()
                    if not self._score_some():
                        time.sleep(POLL_SECONDS)
                if not self._step():
                    self._stop_if_asked()  # the workers have ended, perhaps for that
                self.why = workers.why()
        return self._failed()

    def _step(self) -> bool:
        """Plan what can be planned, and report the progress of the whole run; return whether nothing is left to do."""
        for one in self._read():
            if one.done and one.awaited:
                self._plan(one.digest)
        return self._patience.retry(self._look)

    def _stop_if_asked(self) -> None:
        self._patience.retry(lambda: stop_if_asked(self._resources, self._run_id))

    def _read(self) -> Sequence[RunTrainingView]:
        def read() -> Sequence[RunTrainingView]:
            with self._resources.catalog.read() as s:
                return views.run_trainings(s, self._run_id)

        return self._patience.retry(read)

    def _look(self) -> bool:
        with self._resources.catalog.read() as s:
            found, waiting = views.poll_run(s, self._run_id, most=1), awaited(s, self._run_id)
        to_come = sum(one.cells for one in waiting)
        at_it = [one.subject_name for one in waiting if not one.free and not one.done]
        note = f"fine-tuning: {', '.join(at_it[:3])}{' ...' if len(at_it) > 3 else ''}" if at_it else ""
        now = (found.generated, found.total + to_come, note)
        if now != self._reported:
            self._reported = now
            report_progress("generate", *now)
        return not found.claimable and not found.generating and not waiting

    def _score_some(self) -> bool:
        """Score beside the workers; what fails is scored at the end, and fails there."""
        if not self._scores:
            return False
        try:
            return self._score()
        except Exception as error:
            self._scores = False
            _log.warning("images are scored after all are generated: %s: %s", type(error).__name__, error)
            return False

    def _failed(self) -> dict[str, str]:
        unable = self.why or "no worker of the run could fine-tune on it"
        left = [one for one in self._read() if not one.planned]
        return {one.subject_name: f"finetune: {one.error or one.last_error or unable}" for one in left}


def why_missing(cell: CellView, why: str | None) -> str | None:
    """Return why no worker of the run generated a cell; None if it is there, or failed by its own fault."""
    if cell.state == "generated" or (cell.state == "failed" and cell.failures >= MAX_FAILURES):
        return None
    return cell.error or why or "no worker of the run could generate it"
