"""Renews the heartbeat of a run while its process is alive."""

from storage.catalog import Catalog
from storage.catalog.leases.heartbeat import Heartbeat
from storage.catalog.writes import touch_run


class RunHeartbeat(Heartbeat):
    """Renew a run's heartbeat in `with RunHeartbeat(catalog, run_id, silent_seconds=600):`; see close_crashed_runs."""

    def __init__(self, catalog: Catalog, run_id: str, *, silent_seconds: float) -> None:
        super().__init__(f"the heartbeat of run {run_id}", silent_seconds)
        self._catalog, self._run_id = catalog, run_id

    def renew(self) -> None:
        """Renew the run's heartbeat."""
        self._catalog.transact(lambda s: touch_run(s, self._run_id))
