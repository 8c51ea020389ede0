"""Renews the heartbeat of a run while its process is alive."""

import logging
from collections.abc import Callable

from storage.catalog import Catalog
from storage.catalog.leases.heartbeat import Heartbeat
from storage.catalog.writes import touch_run

_log = logging.getLogger(__name__)


class RunHeartbeat(Heartbeat):
    """Renew a run's heartbeat in `with RunHeartbeat(catalog, run_id, silent_seconds=600):`; see close_crashed_runs.

    `owner`: the process that started the run. If another has continued it since, as an orchestrator has it that takes
    this one for dead, `lost` is set and `on_lost` called, once, from the thread of the heartbeat.
    """

    def __init__(
        self,
        catalog: Catalog,
        run_id: str,
        *,
        silent_seconds: float,
        owner: str | None = None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(f"the heartbeat of run {run_id}", silent_seconds)
        self._catalog, self._run_id, self._owner, self._on_lost = catalog, run_id, owner, on_lost
        self.lost = False

    def renew(self) -> None:
        """Renew the run's heartbeat, if it is still this process that runs it."""
        if self.lost or self._catalog.transact(lambda s: touch_run(s, self._run_id, self._owner)):
            return
        self.lost = True
        _log.warning("another process continues run %s; this one ends", self._run_id)
        self._on_lost()
