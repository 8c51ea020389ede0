"""Claims a worker's chunks, one after the other: of its own run, and in fair share of the others in progress."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from sqlalchemy.orm import Session

from flows.execution.claims.fair_share import by_need, remembered
from storage.catalog import views, writes
from storage.catalog.leases.cells import CellHeartbeat
from storage.catalog.records import CellDetail, ClaimedCells, RunAtWork
from storage.catalog.views import ProfileInUse

EMPTY_SECONDS = 10.0
"""How long a run of which nothing could be claimed is not asked again, while there are others."""
Claimed = tuple[ClaimedCells, list[CellDetail]]


def _digests(found: Claimed | list[ProfileInUse] | None) -> Sequence[str]:
    return found[0].digests if isinstance(found, tuple) else ()


class Assessment(Protocol):
    """Says with which profiles a worker cannot generate, see `Abilities`."""

    unable: dict[int, str]
    last: int

    def assess(self, profiles: Sequence[ProfileInUse]) -> None:
        """Assess profiles with ids beyond `last`."""


class ChunkClaims:
    """The claims of one worker, whose own run is `run_id`. Not for several threads at once.

    `able`: what it can generate with; None: with all profiles. `leaves`: says which other runs it leaves to others.

    Attributes:
        others: how many other workers were at its own run at the last claim.
    """

    def __init__(
        self,
        beat: CellHeartbeat,
        run_id: str,
        *,
        most: int,
        able: Assessment | None = None,
        leaves: Callable[[Session, str], bool] = lambda s, run_id: False,
    ) -> None:
        self._beat, self._own, self._most, self._able, self._leaves = beat, run_id, most, able, leaves
        self._recent: dict[str, float] = {}
        self._current = run_id
        self._near: dict[str, tuple[int | None, int]] = {}
        self._empty: dict[str, float] = {}
        self.others = 0

    @property
    def unable(self) -> Mapping[int, str]:
        """Return why this worker cannot generate with a profile, by the profile's id."""
        return {} if self._able is None else self._able.unable

    def begin_with(self, run_id: str, subject_id: int) -> None:
        """Claim cells of this subject first."""
        self._near[run_id] = subject_id, -1

    def next(self, but: Collection[str] = ()) -> Claimed | None:
        """Claim the next cells, none of `but`; None if nothing is left to claim of its own run."""
        while isinstance(found := self._beat.take(lambda s: self._claim(s, but), _digests), list):
            assert self._able is not None
            self._able.assess(found)  # not within the transaction: it reads files
        if found is not None:
            self._keep(found[0])
        return found

    def _claim(self, s: Session, but: Collection[str]) -> Claimed | list[ProfileInUse] | None:
        """Claim, or return profiles that have to be assessed before."""
        if self._able is not None and (new := views.profiles_after(s, self._able.last)):
            return new
        runs = views.runs_at_work(s, but_by=self._beat.owner)
        runs = [run for run in runs if run.id == self._own or not self._leaves(s, run.id)]
        self.others = next((run.others for run in runs if run.id == self._own), 0)
        for run_id in self._in_order(runs):
            if run_id != self._own and not self._left(s, but):
                break  # this worker's run has ended: it does not stay for others
            found = writes.claim_next_cells(
                s,
                run_id,
                self._beat.owner,
                self._beat.seconds,
                most=self._most,
                near=self._near.get(run_id),
                but=but,
                but_profiles=self.unable,
            )
            if found is not None:
                return found, views.cells(s, found.digests)
            if run_id == self._own:
                break
            self._empty[run_id] = time.monotonic()
        return None

    def _in_order(self, runs: Sequence[RunAtWork]) -> list[str]:
        since = time.monotonic() - EMPTY_SECONDS
        asked = [run for run in runs if run.id == self._own or self._empty.get(run.id, since) <= since]
        if all(run.id != self._own for run in asked):  # its run has ended by now, or was never in progress
            return [self._own]
        return by_need(asked, self._recent, self._current)

    def _left(self, s: Session, but: Collection[str]) -> bool:
        return views.run_left(s, self._own, but=but, but_profiles=self.unable).claimable

    def _keep(self, chunk: ClaimedCells) -> None:
        self._current = chunk.run_id
        self._near[chunk.run_id] = chunk.subject_id, chunk.last
        self._recent = remembered(self._recent, chunk.run_id)
