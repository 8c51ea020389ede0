"""The account of a worker that generates cells of several runs: each run is charged for its own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType

from flows.execution.costs.account import Account
from flows.resources import Resources
from storage.catalog.leases.heartbeat import Heartbeat
from storage.catalog.leases.work import SECONDS
from storage.catalog.records import WorkFigures


class _Session(Account):
    """The work session of one run. Of what the worker counts it has what came while the worker served this run."""

    def __init__(
        self, resources: Resources, run_id: str | None, worker: Callable[[], WorkFigures], items: Callable[[], int]
    ) -> None:
        super().__init__(resources, "generate", run_id, worker)
        self._items = items
        # what it had before it is served this time, and what the worker had then; None: another run is served
        self._served: tuple[WorkFigures, WorkFigures | None] = WorkFigures(), None
        self._recorded: tuple[float, WorkFigures, bool] | None = None

    def begin(self) -> None:
        """Let the worker serve this run."""
        self._served, self._ended = (self._served[0], super()._with_loads()), False

    def end(self) -> None:
        """Let the worker serve another run, while images of this one may still be being stored."""
        self._served, self._ended = (self._with_loads(), None), True

    def renew(self) -> None:
        """Record the session; while another run is served, only if there is something new."""
        now = self.device_seconds, self._with_loads(), self._ended
        if not self._ended or now != self._recorded:
            super().renew()
            self._recorded = now

    def _with_loads(self) -> WorkFigures:
        had, then = self._served
        if then is None:
            return replace(had, items=self._items(), uploads_waiting=0)
        now = super()._with_loads()
        return WorkFigures(
            items=self._items(),
            failures=had.failures + now.failures - then.failures,
            leases_lost=had.leases_lost + now.leases_lost - then.leases_lost,
            uploads_waiting=now.uploads_waiting,
            model_loads=had.model_loads + now.model_loads - then.model_loads,
            model_load_seconds=had.model_load_seconds + now.model_load_seconds - then.model_load_seconds,
        )


class CellAccount(Heartbeat):
    """The account of a worker that generates cells; a context. A batch is charged to the run that is served.

    Each cell of a batch has an equal share of its attempts. Each run has a work session of its own, which has ended
    while another is served: whoever counts those at work counts the worker once.

    `figures`: what the worker has done so far, for whichever run; `made`: how many images it stored for a run.
    """

    def __init__(
        self,
        resources: Resources,
        run_id: str | None,
        figures: Callable[[], WorkFigures],
        made: Callable[[str | None], int],
    ) -> None:
        super().__init__("the account of this worker", min(resources.settings.lease_seconds, SECONDS))
        self._resources, self._figures, self._made = resources, figures, made
        self.device = resources.device_class
        self._sessions: dict[str | None, _Session] = {}
        self._shares: dict[str, float] = {}
        self._own = self._now = self._session(run_id)
        self._now.begin()

    def serve(self, run_id: str | None) -> None:
        """Charge what follows to this run."""
        session = self._session(run_id)
        if session is not self._now:
            self._now.end()
            session.begin()
            self._now = session

    @contextmanager
    def measured(self, digests: Sequence[str]) -> Iterator[None]:
        """Measure an attempt at these cells of the run that is served, also if it raises."""

        def share(seconds: float) -> None:
            for digest in digests:
                self._shares[digest] = self._shares.get(digest, 0.0) + seconds / len(digests)

        with self._now.lap(share):
            yield

    def take(self, digest: str) -> float | None:
        """Return what was spent on the cell since this was last asked; None: nothing."""
        return self._shares.pop(digest, None)

    def of(self, digests: Sequence[str]) -> dict[str, float]:
        """Return what was spent on those of these cells on which anything was; it may be asked again."""
        return {digest: self._shares[digest] for digest in digests if digest in self._shares}

    def renew(self) -> None:
        """Record the sessions of all runs, now. Raises for the worker's own run alone: others may have been deleted."""
        self._own.renew()
        for session in list(self._sessions.values()):
            if session is not self._own:
                session.beat()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._now.end()
        for session in self._sessions.values():
            session.beat()

    def _session(self, run_id: str | None) -> _Session:
        if run_id not in self._sessions:
            self._sessions[run_id] = _Session(self._resources, run_id, self._figures, lambda: self._made(run_id))
        return self._sessions[run_id]
