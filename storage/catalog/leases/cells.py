"""Hold on to claimed cells while they are worked on, from a thread of its own."""

import logging
import threading
from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from storage.catalog import Catalog
from storage.catalog.leases.heartbeat import Heartbeat
from storage.catalog.writes import claim_cells, release_cells, renew_lease

_log = logging.getLogger(__name__)


class CellHeartbeat(Heartbeat):
    """Renews the lease of what is held, so that the longest step loses no cell, and a process that died loses all.

    with Heartbeat(catalog, this_owner(), lease_seconds=60) as beat:
        mine = beat.claim(digests)
        ...
        beat.let_go(digest)  # finished, failed or given back
    """

    def __init__(self, catalog: Catalog, owner: str, *, lease_seconds: float) -> None:
        super().__init__(f"the leases of {owner}", lease_seconds)
        self._catalog, self._owner, self._lease = catalog, owner, lease_seconds
        self._held: set[str] = set()
        self._lock = threading.Lock()

    @property
    def held(self) -> list[str]:
        """The digests that this process holds, as far as it knows."""
        with self._lock:
            return sorted(self._held)

    def claim(self, digests: Sequence[str]) -> list[str]:
        """Claim those of the cells that nobody holds, and hold on to them; their digests, in the order given."""
        tries = 0

        def claim(s: Session) -> list[str]:
            nonlocal tries
            tries += 1
            if tries > 1:  # the database went away: the try before may have claimed them, and nobody heard of it
                release_cells(s, digests, owner=self._owner)
            return claim_cells(s, digests, self._owner, self._lease)

        claimed = self._catalog.transact(claim)
        self.hold(claimed)
        return claimed

    def hold(self, digests: Iterable[str]) -> None:
        """Renew these from now on; they were just claimed."""
        with self._lock:
            self._held.update(digests)

    def release(self, digest: str) -> None:
        """Renew this no more; nothing happens if it is not held."""
        with self._lock:
            self._held.discard(digest)

    def renew(self) -> None:
        """Renew all that is held, now; what turns out to be another's is held no more."""
        if not (held := self.held):
            return
        with self._catalog.write() as s:
            renewed = set(renew_lease(s, held, self._owner, self._lease))
        with self._lock:
            gone = self._held & set(held) - renewed  # what was let go meanwhile is finished, not lost
            self._held -= gone
        if gone:
            _log.warning("%d cells are held by another worker now", len(gone))
