"""Says, for as long as a run lasts, that the process that carries it out lives."""

import logging
import threading
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from storage.catalog import Catalog
from storage.catalog.records import CatalogError
from storage.catalog.writes import see_run

_log = logging.getLogger(__name__)
_BEATS = 4  # in the time after which a silent run is taken for dead


class RunBeat:
    """A context: `with RunBeat(catalog, run_id, silent_seconds=600): ...`; see storage.catalog.writes.close_dead."""

    def __init__(self, catalog: Catalog, run_id: str, *, silent_seconds: float) -> None:
        self._catalog, self._run_id, self._pause = catalog, run_id, silent_seconds / _BEATS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="run-beat", daemon=True)

    def _beat(self) -> None:
        while not self._stop.wait(self._pause):
            try:
                self._catalog.transact(lambda s: see_run(s, self._run_id))
            except (SQLAlchemyError, CatalogError) as error:  # the next beat may succeed
                _log.warning("run %s could not say that it lives: %s", self._run_id, error)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
