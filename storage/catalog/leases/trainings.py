"""Holds on to a fine-tuning while it is worked on, from a thread of its own."""

import logging

from sqlalchemy.exc import SQLAlchemyError

from storage.catalog import Catalog
from storage.catalog.leases.heartbeat import Beat
from storage.catalog.writes import renew_training

_log = logging.getLogger(__name__)
_BEATS = 4  # renewals in the time of one lease: three may fail before another worker takes over


class TrainingBeat(Beat):
    """A context: `with TrainingBeat(catalog, digest, owner, lease_seconds=600): ...`."""

    def __init__(self, catalog: Catalog, digest: str, owner: str, *, lease_seconds: float) -> None:
        super().__init__("training-beat", lease_seconds / _BEATS)
        self._catalog, self._digest, self._owner, self._lease = catalog, digest, owner, lease_seconds

    def beat(self) -> None:
        """Renew, as far as the catalog can be reached."""
        try:
            self._catalog.transact(lambda s: renew_training(s, self._digest, self._owner, self._lease))
        except SQLAlchemyError as error:  # the next beat may succeed; if none does, another takes it over
            _log.warning("the lease of training %s could not be renewed: %s", self._digest, error)
