"""Watches the PostgreSQL server meanwhile: who waits for a lock, what is written."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from storage.catalog.records import CatalogError

EVERY_SECONDS = 0.5
SPARE = 20
"""Connections beside those of the workers: the server's own, and this benchmark's."""

_WAITING = text(
    "SELECT count(*) FILTER (WHERE wait_event_type = 'Lock'), count(*) FILTER (WHERE state = 'active') "
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_WRITTEN = text(
    "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), pg_database_size(current_database()), "
    "(SELECT deadlocks FROM pg_stat_database WHERE datname = current_database())"
)


@dataclass
class Watched:
    """`lock_waits`: sessions that wait for a lock, on average of `looks`; `most`: at worst. Bytes are those written
    to the log (WAL), and those that the database grew by."""

    looks: int = 0
    waiting: int = 0
    most_waiting: int = 0
    most_active: int = 0
    wal_bytes: int = 0
    grown_bytes: int = 0
    deadlocks: int = 0

    @property
    def lock_waits(self) -> float:
        """Return how many sessions waited for a lock, on average."""
        return self.waiting / self.looks if self.looks else 0.0


def demand_connections(connection: Connection, workers: int) -> None:
    """Raise CatalogError if the server does not allow a connection for each worker."""
    allowed = int(connection.exec_driver_sql("SHOW max_connections").scalar_one())
    if workers + SPARE > allowed:
        raise CatalogError(
            f"--workers {workers}: the server allows max_connections = {allowed}, and each worker has a connection of "
            f"its own; set it to {workers + SPARE} or more and restart the server, or simulate fewer workers"
        )


@contextmanager
def watched(engine: Engine) -> Iterator[Watched]:
    """Look at the server from time to time while the block runs."""
    found, over = Watched(), threading.Event()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        before = connection.execute(_WRITTEN).one()
        watch = threading.Thread(target=_watch, args=(connection, found, over), name="watch")
        watch.start()
        try:
            yield found
        finally:
            over.set()
            watch.join()
        after = connection.execute(_WRITTEN).one()
    found.wal_bytes, found.grown_bytes, found.deadlocks = (
        int(now - then) for now, then in zip(after, before, strict=True)
    )


def _watch(connection: Connection, found: Watched, over: threading.Event) -> None:
    while not over.wait(EVERY_SECONDS):
        waiting, active = connection.execute(_WAITING).one()
        found.looks, found.waiting = found.looks + 1, found.waiting + waiting
        found.most_waiting, found.most_active = max(found.most_waiting, waiting), max(found.most_active, active)
