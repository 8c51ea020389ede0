"""Says, for as long as a run lasts, that the process that carries it out lives."""

import logging

from sqlalchemy.exc import SQLAlchemyError

from storage.catalog import Catalog
from storage.catalog.leases.heartbeat import Beat
from storage.catalog.records import CatalogError
from storage.catalog.writes import see_run

_log = logging.getLogger(__name__)
_BEATS = 4  # in the time after which a silent run is taken for dead


class RunBeat(Beat):
    """A context: `with RunBeat(catalog, run_id, silent_seconds=600): ...`; see storage.catalog.writes.close_dead."""

    def __init__(self, catalog: Catalog, run_id: str, *, silent_seconds: float) -> None:
        super().__init__("run-beat", silent_seconds / _BEATS)
        self._catalog, self._run_id = catalog, run_id

    def beat(self) -> None:
        """Say that the run lives."""
        try:
            self._catalog.transact(lambda s: see_run(s, self._run_id))
        except (SQLAlchemyError, CatalogError) as error:  # the next beat may succeed
            _log.warning("run %s could not say that it lives: %s", self._run_id, error)
