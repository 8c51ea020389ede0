"""Heartbeats: a thread that says, again and again while a block lasts, that this process is still at work."""

import logging
import threading
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from storage.catalog.records import CatalogError

_log = logging.getLogger(__name__)
_BEATS = 4  # in the time after which another takes over: three may fail before


class Heartbeat:
    """A context that renews a claim until the block ends, `_BEATS` times in `seconds`. A subclass says what `renew` is.

    `what` names the claim in the warning of a beat that failed.
    """

    def __init__(self, what: str, seconds: float) -> None:
        self._what, self._pause = what, seconds / _BEATS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def renew(self) -> None:
        """Renew the claim, now."""
        raise NotImplementedError

    def beat(self) -> None:
        """Renew the claim as far as the catalog can be reached."""
        try:
            self.renew()
        except (SQLAlchemyError, CatalogError) as error:  # the next beat may succeed; if none does, another takes over
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
