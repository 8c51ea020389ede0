"""Renews the leases of claimed cells from a background thread."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from sqlalchemy.orm import Session

from storage.catalog import Catalog
from storage.catalog.leases.heartbeat import Heartbeat
from storage.catalog.writes import claim_cells, held_cells, leave_worker, release_cells, renew_lease, renew_worker

T = TypeVar("T")
_log = logging.getLogger(__name__)


class CellHeartbeat(Heartbeat):
    """Renews the leases of claimed cells, so that long steps lose none and a dead process loses all.

    with CellHeartbeat(catalog, this_owner(), lease_seconds=60) as beat:
        mine = beat.claim(digests)
        ...
        beat.release(digest)  # finished, failed or released
    """

    def __init__(self, catalog: Catalog, owner: str, *, lease_seconds: float) -> None:
        super().__init__(f"the leases of {owner}", lease_seconds)
        self._catalog, self.owner, self.seconds = catalog, owner, lease_seconds
        self._held: set[str] = set()
        self.lost = 0
        """How many leases other owners have taken over so far."""
        self._lock, self._claiming = threading.Lock(), threading.Lock()
        self._unsure = False  # whether it is unknown what the last claim claimed

    @property
    def held(self) -> list[str]:
        """Return the digests of the cells that this process leases, as of the last renewal."""
        with self._lock:
            return sorted(self._held)

    def claim(self, digests: Sequence[str]) -> list[str]:
        """Claim the unleased cells and renew them from now on; return their digests in the given order."""

        def claim(s: Session) -> list[str]:
            return claim_cells(s, digests, self.owner, self.seconds)

        return self.take(claim, lambda claimed: claimed)

    def take(self, claim: Callable[[Session], T], digests: Callable[[T], Iterable[str]]) -> T:
        """Claim cells in a transaction and renew them from now on; `digests`: those of what `claim` returned."""

        def attempt(s: Session) -> T:
            if self._unsure:  # the connection was lost: the previous attempt may have claimed cells unnoticed
                release_cells(s, sorted({*held_cells(s, self.owner)} - {*self.held}), owner=self.owner)
            self._unsure = True
            return claim(s)

        with self._claiming:  # or what another thread has claimed, but not held yet, would be released
            claimed = self._catalog.transact(attempt)
            self.hold(digests(claimed))
            self._unsure = False
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
        """Renew all leases now, by one row; after a gap, drop cells that another owner has claimed meanwhile."""
        if not (held := self.held):
            return
        with self._catalog.write() as s:
            if renew_worker(s, self.owner, self.seconds):
                return
            renewed = set(renew_lease(s, held, self.owner, self.seconds))
        with self._lock:
            gone = self._held & set(held) - renewed  # what was released meanwhile is finished, not lost
            self._held -= gone
        if gone:
            self.lost += len(gone)
            _log.warning("%d cells are now leased by another worker", len(gone), extra={"cells": sorted(gone)})

    def leave(self) -> None:
        """Remove this process from the workers, when it holds no cell any more."""
        self._catalog.transact(lambda s: leave_worker(s, self.owner))
