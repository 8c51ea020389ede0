"""Records what a process spends on a kind of work, from a background thread."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from uuid import uuid4

from storage.catalog import Catalog
from storage.catalog.leases.heartbeat import Heartbeat
from storage.catalog.records import WorkFigures, WorkKind
from storage.catalog.writes import record_work

SECONDS = 80.0
"""A session that was not seen for this long has died; a killed process loses a quarter of it of its account."""


class WorkRecord(Heartbeat):
    """A work session; a context. It is in the catalog from its first use of the device on.

    with WorkRecord(catalog, this_owner(), "generate", "cpu", run_id=run_id) as work:
        with work.busy():
            ...

    `figures`: called with every beat for what the session has done so far.
    """

    def __init__(
        self,
        catalog: Catalog,
        owner: str,
        kind: WorkKind,
        device: str,
        *,
        run_id: str | None,
        figures: Callable[[], WorkFigures] = WorkFigures,
        seconds: float = SECONDS,
    ) -> None:
        super().__init__(f"the account of {owner}", min(seconds, SECONDS))
        self._catalog, self._figures = catalog, figures
        self._id, self._run_id, self._owner, self._kind, self._device = str(uuid4()), run_id, owner, kind, device
        self._ended = False
        self._lock, self._recording = threading.Lock(), threading.Lock()
        self._seconds = 0.0
        self._since: float | None = None  # so many devices are in use since then
        self._devices = 1

    @property
    def device_seconds(self) -> float:
        """Return the seconds in which the device was in use so far."""
        with self._lock:
            return self._seconds + (0.0 if self._since is None else self._devices * (time.monotonic() - self._since))

    @contextmanager
    def busy(self, devices: int = 1) -> Iterator[None]:
        """Count the time of the block as seconds of so many devices, also if it raises. Not to be nested."""
        begins = self.device_seconds == 0
        with self._lock:
            self._since, self._devices = time.monotonic(), devices
        if begins:
            self.beat()
        try:
            yield
        finally:
            with self._lock:
                self._seconds += devices * (time.monotonic() - (self._since or 0.0))
                self._since = None

    def renew(self) -> None:
        """Record the session, now."""
        with self._recording:  # the totals of one call never replace those of a later one
            seconds, figures, ended = self.device_seconds, self._figures(), self._ended
            if seconds > 0:
                self._catalog.transact(
                    lambda s: record_work(
                        s,
                        self._id,
                        run_id=self._run_id,
                        owner=self._owner,
                        kind=self._kind,
                        device=self._device,
                        device_seconds=seconds,
                        figures=figures,
                        ended=ended,
                    )
                )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._ended = True
        self.beat()
