"""Measures one number of workers: plans a run, lets the simulated workers generate it, settles the account."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

from sqlalchemy import Engine

from deploy.bench.scale.fleet import Fleet, run_fleet
from deploy.bench.scale.plan import Load
from deploy.bench.scale.server import Watched, demand_connections, watched
from storage.catalog import Catalog, writes
from storage.catalog.bench.account import Account, account
from storage.catalog.bench.grid import plan_grid
from storage.catalog.database.engine import make_engine

PER_SUBJECT = 640
THREADS = 250
"""The most workers in one process: more would wait for each other in Python."""
START_SECONDS = 8.0
"""Until all processes have connected their workers."""
WINDOW_SECONDS = 10.0


@dataclass(frozen=True)
class Times:
    """How long calls took, in milliseconds: of `count` calls, and the 95th percentile of each WINDOW_SECONDS."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    windows_p95_ms: Sequence[float]


@dataclass(frozen=True)
class Measured:
    """One number of workers, see `Load`. Statements, transactions and bytes are those for each generated cell."""

    workers: int
    rate: float
    seconds: float
    generated: int
    generated_per_second: float
    claims: Times
    finishes: Times
    beats: Times
    idle: float
    empty_claims: int
    statements: float
    transactions: float
    wal_bytes: float
    grown_bytes: float
    lock_waits: float
    most_lock_waits: int
    deadlocks: int
    evicted: int
    failed: int
    lost: int
    doubled: int
    stuck: int
    simulation_cpu: float

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return asdict(self)


def measure(catalog: Catalog, load: Load, *, say: Callable[[str], None]) -> Measured:
    """Measure one load; its `run_id` is that of a run planned here, with more cells than the workers generate.

    Raises CatalogError if the server does not allow enough connections.
    """
    engine = make_engine(catalog.url)
    try:
        return _measure(catalog, engine, load, say)
    finally:
        engine.dispose()


def _measure(catalog: Catalog, engine: Engine, load: Load, say: Callable[[str], None]) -> Measured:
    with engine.connect() as connection:
        demand_connections(connection, load.workers)
    cells = round(load.rate * (load.seconds + load.ramp) * 1.05) + 3 * load.workers * load.chunk
    say(f"planning {cells} cells for {load.workers} workers")
    planned = plan_grid(catalog, f"{load.workers} workers", cells, per_subject=PER_SUBJECT)
    load = Load(**vars(load) | {"run_id": planned})
    say(f"{load.workers} workers, {load.seconds + load.ramp:g} s")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")  # what autovacuum does after a minute
    with watched(engine) as server:
        fleets = _simulated(load)
    seen = [one for fleet in fleets for one in fleet.seen.finished]
    time.sleep(load.lease if load.evictions else 0.0)
    with catalog.write() as s:
        writes.close_crashed_runs(s, 1e9)  # what evicted workers held
    with catalog.read() as s:
        settled = account(s, planned, seen)
    with catalog.write() as s:
        writes.finish_run(s, planned, "completed")
    return _figures(load, fleets, server, settled)


def _simulated(load: Load) -> list[Fleet]:
    processes = max(min(os.cpu_count() or 1, load.workers), -(-load.workers // THREADS))
    begin = time.time() + START_SECONDS
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = [range(first, load.workers, processes) for first in range(processes)]
        return list(pool.map(run_fleet, [load] * processes, parts, [begin] * processes))


def _figures(load: Load, fleets: Sequence[Fleet], server: Watched, settled: Account) -> Measured:
    seen = [fleet.seen for fleet in fleets]
    busy, idle = sum(one.busy for one in seen), sum(one.idle for one in seen)
    made = max(settled.generated, 1)
    return Measured(
        workers=load.workers,
        rate=load.rate,
        seconds=load.seconds,
        generated=settled.generated,
        generated_per_second=settled.generated / (load.seconds + load.ramp),
        claims=_times([time for one in seen for time in one.claims]),
        finishes=_times([time for one in seen for time in one.finishes]),
        beats=_times([time for one in seen for time in one.beats]),
        idle=idle / (busy + idle) if busy + idle else 0.0,
        empty_claims=sum(one.empty for one in seen),
        statements=sum(fleet.statements for fleet in fleets) / made,
        transactions=sum(fleet.transactions for fleet in fleets) / made,
        wal_bytes=server.wal_bytes / made,
        grown_bytes=server.grown_bytes / made,
        lock_waits=server.lock_waits,
        most_lock_waits=server.most_waiting,
        deadlocks=server.deadlocks,
        evicted=sum(one.evicted for one in seen),
        failed=sum(one.failed for one in seen),
        lost=settled.lost,
        doubled=settled.doubled,
        stuck=settled.stuck,
        simulation_cpu=sum(fleet.cpu for fleet in fleets) / (load.seconds + load.ramp),
    )


def _times(calls: Sequence[tuple[float, float]]) -> Times:
    if not calls:
        return Times(0, 0.0, 0.0, 0.0, ())
    seconds = sorted(one for _, one in calls)
    first, last = min(at for at, _ in calls), max(at for at, _ in calls)
    windows = [
        _percentile(sorted(one for at, one in calls if 0 <= at - start < WINDOW_SECONDS), 95)
        for start in (first + WINDOW_SECONDS * i for i in range(int((last - first) // WINDOW_SECONDS) + 1))
    ]
    p50, p95, p99 = (_percentile(seconds, of) for of in (50, 95, 99))
    return Times(len(seconds), p50, p95, p99, windows)


def _percentile(seconds: Sequence[float], of: int) -> float:
    """Return a percentile of sorted seconds, in milliseconds; 0 of none."""
    return round(1000 * seconds[min(len(seconds) * of // 100, len(seconds) - 1)], 3) if seconds else 0.0
