"""Renews the leases of claimed cells from a background thread."""

import logging
import threading
from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from storage.catalog import Catalog
from storage.catalog.leases.heartbeat import Heartbeat
from storage.catalog.writes import claim_cells, release_cells, renew_lease

_log = logging.getLogger(__name__)


class CellHeartbeat(Heartbeat):
    """Renews the leases of claimed cells, so that long steps lose none and a dead process loses all.

    with CellHeartbeat(catalog, this_owner(), lease_seconds=60) as beat:
        mine = beat.claim(digests)
        ...
        beat.let_go(digest)  # finished, failed or released
    """

    def __init__(self, catalog: Catalog, owner: str, *, lease_seconds: float) -> None:
        super().__init__(f"the leases of {owner}", lease_seconds)
        self._catalog, self._owner, self._lease = catalog, owner, lease_seconds
        self._held: set[str] = set()
        self.lost = 0
        """How many leases other owners have taken over so far."""
        self._lock = threading.Lock()

    @property
    def held(self) -> list[str]:
        """Return the digests of the cells that this process leases, as of the last renewal."""
        with self._lock:
            return sorted(self._held)

    def claim(self, digests: Sequence[str]) -> list[str]:
        """Claim the unleased cells and renew them from now on; return their digests in the given order."""
        tries = 0

        def claim(s: Session) -> list[str]:
            nonlocal tries
            tries += 1
            if tries > 1:  # the connection was lost: the previous attempt may have claimed them unnoticed
                release_cells(s, digests, owner=self._owner)
            return claim_cells(s, digests, self._owner, self._lease)

        claimed = self._catalog.transact(claim)
        self.hold(claimed)
        return claimed

    def hold(self, digests: Iterable[str]) -> None:
        """Renew these cells, which were just claimed, from now on."""
        with self._lock:
            self._held.update(digests)

    def release(self, digest: str) -> None:
        """Stop renewing this cell; does nothing if it is not held."""
        with self._lock:
            self._held.discard(digest)

    def renew(self) -> None:
        """Renew all leases now, and drop cells that another owner has claimed."""
        if not (held := self.held):
            return
        with self._catalog.write() as s:
            renewed = set(renew_lease(s, held, self._owner, self._lease))
        with self._lock:
            gone = self._held & set(held) - renewed  # what was released meanwhile is finished, not lost
            self._held -= gone
        if gone:
            self.lost += len(gone)
            _log.warning("%d cells are now leased by another worker", len(gone), extra={"cells": sorted(gone)})
