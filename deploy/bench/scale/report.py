"""The figures of the simulation as a table, and the machine that they were measured on."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from rich.table import Table

from deploy.bench.scale.measure import Measured

_ROWS: tuple[tuple[str, Callable[[Measured], str]], ...] = (
    ("cells per second", lambda row: f"{row.generated_per_second:.1f}"),
    ("claim p50 ms", lambda row: f"{row.claims.p50_ms:.1f}"),
    ("claim p95 ms", lambda row: f"{row.claims.p95_ms:.1f}"),
    ("claim p99 ms", lambda row: f"{row.claims.p99_ms:.1f}"),
    ("finish p95 ms", lambda row: f"{row.finishes.p95_ms:.1f}"),
    ("heartbeat p95 ms", lambda row: f"{row.beats.p95_ms:.1f}"),
    ("idle %", lambda row: f"{100 * row.idle:.2f}"),
    ("statements a cell", lambda row: f"{row.statements:.1f}"),
    ("transactions a cell", lambda row: f"{row.transactions:.2f}"),
    ("log bytes a cell", lambda row: f"{row.wal_bytes:,.0f}"),
    ("database bytes a cell", lambda row: f"{row.grown_bytes:,.0f}"),
    ("sessions waiting for a lock, mean and most", lambda row: f"{row.lock_waits:.2f}, {row.most_lock_waits}"),
    ("evicted workers, failed cells", lambda row: f"{row.evicted}, {row.failed}"),
    ("cells lost, doubled, stuck", lambda row: f"{row.lost}, {row.doubled}, {row.stuck}"),
    ("cores that the simulation used", lambda row: f"{row.simulation_cpu:.2f}"),
)


def table(rows: Sequence[Measured]) -> Table:
    """Build the table, a column for each number of workers."""
    found = Table(title=f"{rows[0].rate:g} cells/s by simulated workers, {rows[0].seconds / 60:g} min each")
    found.add_column("workers")
    for row in rows:
        found.add_column(f"{row.workers:,}", justify="right")
    for name, value in _ROWS:
        found.add_row(name, *(value(row) for row in rows))
    return found


def machine() -> dict[str, Any]:
    """Describe this machine, which the simulation may share with the server."""
    return {"cpus": os.cpu_count(), "load": os.getloadavg()[0]}
