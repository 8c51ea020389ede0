"""Says, for as long as a run lasts, that the process that carries it out lives."""

from storage.catalog import Catalog
from storage.catalog.leases.heartbeat import Heartbeat
from storage.catalog.writes import touch_run


class RunHeartbeat(Heartbeat):
    """Renew a run's heartbeat in `with RunHeartbeat(catalog, run_id, silent_seconds=600):`; see close_crashed_runs."""

    def __init__(self, catalog: Catalog, run_id: str, *, silent_seconds: float) -> None:
        super().__init__(f"the sign of life of run {run_id}", silent_seconds)
        self._catalog, self._run_id = catalog, run_id

    def renew(self) -> None:
        """Say that the run lives."""
        self._catalog.transact(lambda s: touch_run(s, self._run_id))
