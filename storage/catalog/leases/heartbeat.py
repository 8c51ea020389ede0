"""Heartbeats: a thread that renews a claim at intervals while a block runs."""

import logging
import threading
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from storage.catalog.records import CatalogError
from storage.logs import in_context

_log = logging.getLogger(__name__)
BEATS = 4  # per lease duration: three may fail before another process takes over


class Heartbeat:
    """A context that renews a claim until the block ends, `BEATS` times per `seconds`. Subclasses implement `renew`.

    `what` names the claim in the warning about a failed beat.
    """

    def __init__(self, what: str, seconds: float) -> None:
        self._what, self._pause = what, seconds / BEATS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=in_context(self._run), name="heartbeat", daemon=True)

    def renew(self) -> None:
        """Renew the claim, now."""
        raise NotImplementedError

    def beat(self) -> None:
        """Renew the claim; log a warning if the catalog is not available."""
        try:
            self.renew()
        except (
            SQLAlchemyError,
            CatalogError,
        ) as error:  # the next may succeed; if none does, another process takes over
            _log.warning("%s could not be renewed: %s", self._what, error)

    def _run(self) -> None:
        while not self._stop.wait(self._pause):
            self.beat()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
