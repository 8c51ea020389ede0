"""Renews the lease of a fine-tuning from a background thread."""

from storage.catalog import Catalog
from storage.catalog.leases.heartbeat import Heartbeat
from storage.catalog.writes import renew_training


class TrainingHeartbeat(Heartbeat):
    """Renew a fine-tuning's lease in `with TrainingHeartbeat(catalog, digest, owner, lease_seconds=600):`."""

    def __init__(self, catalog: Catalog, digest: str, owner: str, *, lease_seconds: float) -> None:
        super().__init__(f"the lease of training {digest}", lease_seconds)
        self._catalog, self._digest, self._owner, self._lease = catalog, digest, owner, lease_seconds

    def renew(self) -> None:
        """Renew the lease."""
        self._catalog.transact(lambda s: renew_training(s, self._digest, self._owner, self._lease))
