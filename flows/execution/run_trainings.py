"""The fine-tunings that a run waits for, as one of its workers sees them."""

import logging
import time
from collections.abc import Callable, Collection

from sqlalchemy.orm import Session

from flows.faults import fault_of
from flows.resources import Resources, free_memory
from storage.catalog import views, writes
from storage.catalog.views import RunTrainingView

_log = logging.getLogger(__name__)
PLANNED_SECONDS, POLL_SECONDS = 15.0, 0.5
"""How long a worker waits for the cells of the subject that it just fine-tuned on, before it takes other work."""


def awaited(s: Session, run_id: str, unable: Collection[str] = ()) -> list[RunTrainingView]:
    """List the fine-tunings whose cells may still come; none of a run that has ended.

    Without those that are free and that this worker is `unable` to do.
    """
    if not views.cells_to_come(s, run_id):
        return []
    return [one for one in views.run_trainings(s, run_id) if one.awaited and not (one.free and one.digest in unable)]


class RunTrainings:
    """Fine-tunes for a run, one subject at a time, beside its other workers. `unable`: what this worker lacks something
    for, such as memory."""

    def __init__(self, resources: Resources, run_id: str) -> None:
        self._resources, self._run_id = resources, run_id
        self._patience = resources.patience()
        self.unable: set[str] = set()
        self._any: bool | None = None

    def awaited(self) -> list[RunTrainingView]:
        """List those whose cells may still come."""
        if self._any is None:  # they are entered before the run has workers
            self._any = bool(self._patience.retry(self._all))
        if not self._any:
            return []

        def read() -> list[RunTrainingView]:
            with self._resources.catalog.read() as s:
                return awaited(s, self._run_id, self.unable)

        return self._patience.retry(read)

    def _all(self) -> list[RunTrainingView]:
        with self._resources.catalog.read() as s:
            return views.run_trainings(s, self._run_id)

    def free(self) -> RunTrainingView | None:
        """Return the first that no worker is at."""
        return next((one for one in self.awaited() if one.free), None)

    def train_next(self, train: Callable[[str, str, str], bool], *, prepare: Callable[[], None]) -> bool:
        """Fine-tune on the first subject that no worker is at; return whether this process did.

        `train(digest, subject, run)`: does it, unless another process is quicker. `prepare`: frees memory for it.
        """
        one = self.free()
        if one is None:
            return False
        prepare()
        self._resources.drop_models()
        try:
            made = train(one.digest, one.subject_name, self._run_id)
        except Exception as error:
            if (fault := fault_of(error)) in ("unavailable", "denied", "fatal"):
                raise
            self._failed(one, error, own=fault == "cell")
            return False
        finally:
            free_memory()
        if made:
            self._wait_until_planned(one.digest)
        return made

    def _failed(self, one: RunTrainingView, error: Exception, *, own: bool) -> None:
        """Record the failure for the whole run if it is the fine-tuning's own; else other workers may do it."""
        reason = f"{type(error).__name__}: {str(error).removeprefix('finetune: ')}"
        _log.warning("fine-tuning on %s failed: %s", one.subject_name, reason)
        if not own:
            self.unable.add(one.digest)
            return
        transact = self._resources.catalog.transact
        self._patience.retry(lambda: transact(lambda s: writes.fail_run_training(s, self._run_id, one.digest, reason)))

    def _wait_until_planned(self, digest: str) -> None:
        until = time.monotonic() + PLANNED_SECONDS
        while time.monotonic() < until and any(one.digest == digest for one in self.awaited()):
            time.sleep(POLL_SECONDS)
