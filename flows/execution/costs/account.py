"""Counts the seconds in which a process uses its device."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from flows.resources import Resources
from storage.catalog import writes
from storage.catalog.leases.work import WorkRecord
from storage.catalog.owners import this_owner
from storage.catalog.records import WorkFigures, WorkKind

_log = logging.getLogger(__name__)


class Account(WorkRecord):
    """The work session of this process for a kind of work, see `WorkRecord`; it counts the models loaded meanwhile."""

    def __init__(
        self,
        resources: Resources,
        kind: WorkKind,
        run_id: str | None,
        figures: Callable[[], WorkFigures] = WorkFigures,
    ) -> None:
        self._resources, self._own = resources, figures
        self._before = resources.model_loads, resources.model_load_seconds
        self.device = resources.device_class
        super().__init__(
            resources.catalog,
            this_owner(),
            kind,
            self.device,
            run_id=run_id,
            figures=self._with_loads,
            seconds=resources.settings.lease_seconds,
        )

    def _with_loads(self) -> WorkFigures:
        loads, seconds = self._before
        return replace(
            self._own(),
            model_loads=self._resources.model_loads - loads,
            model_load_seconds=self._resources.model_load_seconds - seconds,
        )

    @contextmanager
    def lap(self, took: Callable[[float], None]) -> Iterator[None]:
        """Count the block as device-seconds; pass to `took` those of them that loaded no model."""
        began, loaded = time.monotonic(), self._resources.model_load_seconds
        with self.busy():
            try:
                yield
            finally:
                took(max(0.0, time.monotonic() - began - (self._resources.model_load_seconds - loaded)))


class TrainingAccount(Account):
    """The account of a process that runs a fine-tuning; it is entered in the fine-tuning's row too, bit by bit."""

    def __init__(self, resources: Resources, digest: str, run_id: str | None) -> None:
        super().__init__(resources, "finetune", run_id, lambda: WorkFigures(items=self.finished))
        self.finished = 0
        self._digest, self._entered = digest, 0.0

    def enter(self, s: Session) -> None:
        """Add what was spent since the last call to the fine-tuning's row."""
        seconds = self.device_seconds
        writes.spend_on_training(s, self._digest, seconds - self._entered, self.device)
        self._entered = seconds

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self.device_seconds > self._entered:
            try:
                with self._resources.catalog.write() as s:
                    self.enter(s)
            except SQLAlchemyError as second:
                _log.warning(
                    "%.0f device-seconds of a fine-tuning could not be recorded: %s", self.device_seconds, second
                )
