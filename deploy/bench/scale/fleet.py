"""The simulated workers of one process: a thread and a connection each."""

import resource
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

from deploy.bench.scale.plan import Load
from deploy.bench.scale.worker import Seen, Worker
from storage.catalog import Catalog
from storage.catalog.database.engine import catalog_url
from storage.catalog.database.postgres import postgres_engine

STACK_BYTES = 512 * 1024


@dataclass(frozen=True)
class Fleet:
    """What one process's workers saw. `statements`: SQL that it sent; `cpu`: its own seconds of processor time."""

    seen: Seen
    statements: int
    transactions: int
    cpu: float


def run_fleet(load: Load, numbers: Sequence[int], begin: float) -> Fleet:
    """Run the workers with these numbers from the instant `begin` on (time.time()), to the end of the load."""
    engine = postgres_engine(catalog_url(load.url), kept=len(numbers))
    catalog = Catalog(engine)
    with ExitStack() as connections:  # all of them, before the first worker begins
        for _ in numbers:
            connections.enter_context(engine.connect())
    seen = [Seen() for _ in numbers]
    threading.stack_size(STACK_BYTES)
    workers = [Worker(load, catalog, number, begin, one) for number, one in zip(numbers, seen, strict=True)]
    threads = [threading.Thread(target=worker.work) for worker in workers]
    cpu = _cpu()
    with _counted(engine) as counts:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    catalog.close()
    return Fleet(_together(seen), counts["statements"], counts["transactions"], _cpu() - cpu)


@contextmanager
def _counted(engine: Engine) -> Iterator[dict[str, int]]:
    """Count statements and transactions; of one statement with many rows each row, as it is sent row by row."""
    counts, lock = {"statements": 0, "transactions": 0}, threading.Lock()

    def statement(_: Any, __: Any, ___: str, parameters: Any, ____: Any, many: bool) -> None:
        with lock:
            counts["statements"] += len(parameters) if many else 1

    def commit(_: Any) -> None:
        with lock:
            counts["transactions"] += 1

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    yield counts


def _together(seen: Sequence[Seen]) -> Seen:
    whole = Seen()
    for one in seen:
        for name, value in vars(one).items():
            setattr(whole, name, getattr(whole, name) + value)
    return whole


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
