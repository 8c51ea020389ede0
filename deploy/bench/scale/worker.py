"""A simulated worker: the claims, heartbeats and results of a real one, at a real one's times, without images."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from random import Random
from typing import TypeVar

from deploy.bench.scale.plan import Load
from flows.execution.claims.chunk_claims import ChunkClaims
from storage.catalog import Catalog, writes
from storage.catalog.leases.cells import CellHeartbeat
from storage.catalog.leases.heartbeat import BEATS
from storage.catalog.records import CellPicture

T = TypeVar("T")
PNG_BYTES = 400_000
EMPTY_SECONDS = 1.0
"""The pause of a worker that found nothing to claim; the run is planned too large for that."""


@dataclass
class Seen:
    """What the workers of a process saw: the times of their calls, as (instant, seconds), and what they did.

    `busy` and `idle`: seconds of all workers within the measured time; `finished`: digests whose images the catalog
    accepted, once for each acceptance.
    """

    claims: list[tuple[float, float]] = field(default_factory=list)
    finishes: list[tuple[float, float]] = field(default_factory=list)
    beats: list[tuple[float, float]] = field(default_factory=list)
    busy: float = 0.0
    idle: float = 0.0
    empty: int = 0
    evicted: int = 0
    failed: int = 0
    finished: list[str] = field(default_factory=list)


class Worker:
    """One simulated worker, in a thread. Generating is waiting: meanwhile, as in a real one, the chunk before is
    recorded, the next is claimed and leases are renewed, on a connection of its own."""

    def __init__(self, load: Load, catalog: Catalog, number: int, begin: float, seen: Seen) -> None:
        self._load, self._catalog, self._number, self._seen = load, catalog, number, seen
        self._from, self._until = begin + load.ramp, begin + load.ramp + load.seconds
        self._chance, self._life = Random(number), 0
        self._start = begin + load.ramp * self._chance.random()

    def work(self) -> None:
        """Work until the time is over; evicted workers are replaced by new ones."""
        self._sleep_until(self._start)
        first = self._chance.randint(1, self._load.chunk)  # so that the workers do not go in step
        while time.time() < self._until:
            self._live(first)
            first, self._life = self._load.chunk, self._life + 1

    def _live(self, first: int) -> None:
        load = self._load
        owner = f"simulated-{self._number}-{self._life}:1:x"
        beat = CellHeartbeat(self._catalog, owner, lease_seconds=load.lease)
        dies = time.time() + self._chance.expovariate(load.evictions / 60) if load.evictions else float("inf")
        next_beat = time.time() + load.lease / BEATS
        free = time.time()  # since when nothing is generated
        small = ChunkClaims(beat, load.run_id, most=first)
        found = self._timed(self._seen.claims, small.next)
        digests = () if found is None else found[0].digests
        claims = ChunkClaims(beat, load.run_id, most=load.chunk)
        if found is not None and (subject := found[0].subject_id) is not None:
            claims.begin_with(load.run_id, subject)  # it goes on with its subject, as a real one does
        before: Sequence[str] = ()
        while time.time() < self._until:
            while not digests:
                self._seen.empty += 1
                self._sleep_until(time.time() + EMPTY_SECONDS)
                digests = self._claim(claims)
            began = time.time()
            ends = began + len(digests) * load.cell_seconds
            self._count("idle", free, began)
            self._record(beat, before)
            ahead = self._claim(claims)
            while (pause := min(next_beat, ends, dies, self._until)) is not None:
                self._sleep_until(pause)
                if pause == next_beat:
                    self._timed(self._seen.beats, beat.beat)
                    next_beat += load.lease / BEATS
                else:
                    break
            if pause == dies:
                self._count("busy", began, dies)
                self._seen.evicted += dies < self._until
                return
            free = ends
            self._count("busy", began, min(ends, self._until))
            before, digests = digests, ahead
            if pause == self._until:
                break
        self._end(beat)

    def _claim(self, claims: ChunkClaims) -> Sequence[str]:
        found = self._timed(self._seen.claims, claims.next)
        return () if found is None else found[0].digests

    def _record(self, beat: CellHeartbeat, digests: Sequence[str]) -> None:
        """Record the images of a chunk, and the failures among them, as a worker's writer does."""
        if not digests:
            return
        failed = [one for one in digests if self._chance.random() < self._load.failures]
        for digest in failed:
            self._catalog.transact(partial(writes.fail_cell, digest=digest, owner=beat.owner, error="simulated"))
        self._seen.failed += len(failed)
        pictures = [
            CellPicture(one, sha256(one.encode()).hexdigest(), 512, 512) for one in digests if one not in failed
        ]

        def finish() -> list[str]:
            with self._catalog.write() as s:
                writes.record_blobs(s, [(one.image_sha256, PNG_BYTES, "image/png") for one in pictures])
                return writes.finish_cells(s, pictures, owner=beat.owner, run_id=self._load.run_id)

        self._seen.finished += self._timed(self._seen.finishes, finish)
        for digest in digests:
            beat.release(digest)

    def _end(self, beat: CellHeartbeat) -> None:
        held = beat.held
        self._catalog.transact(lambda s: writes.release_cells(s, held, owner=beat.owner))
        beat.leave()

    def _timed(self, times: list[tuple[float, float]], call: Callable[[], T]) -> T:
        began = time.perf_counter()
        found = call()
        if self._from <= time.time() <= self._until:
            times.append((time.time(), time.perf_counter() - began))
        return found

    def _count(self, what: str, since: float, until: float) -> None:
        seconds = max(0.0, min(until, self._until) - max(since, self._from))
        setattr(self._seen, what, getattr(self._seen, what) + seconds)

    def _sleep_until(self, instant: float) -> None:
        time.sleep(max(0.0, instant - time.time()))
