"""The metrics that Prometheus scrapes, read from the catalog alone: no process of a run listens on a port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from deploy.dashboard.metrics.totals import Figures, Key, Totals
from storage.catalog import Catalog, views
from storage.catalog.leases.work import SECONDS
from storage.catalog.records import CELL_STATES
from storage.catalog.views import RunQueue, Workers

SHARE = 20  # counting queues takes at most 1 / SHARE of the time
BY_WORK = ("kind", "device")
MADE = {
    "generate": ("dreamtuner_cells_generated", "Images generated and stored."),
    "finetune": ("dreamtuner_finetunings", "Fine-tunings finished."),
    "score": ("dreamtuner_scores", "Scores stored."),
}
SUMS = (
    ("device_seconds", "dreamtuner_device_seconds", "Seconds in which devices were used, loading models included."),
    ("failures", "dreamtuner_failures", "Attempts that failed by an error of the cell itself."),
    ("leases_lost", "dreamtuner_leases_lost", "Leases that another worker took over, and images that came too late."),
    ("model_loads", "dreamtuner_model_loads", "Models loaded."),
    ("model_load_seconds", "dreamtuner_model_load_seconds", "Seconds in which models were loaded."),
)


class CatalogCollector(Collector):
    """Reads a catalog for each scrape; the queues of large runs are counted more seldom."""

    def __init__(self, catalog: Catalog, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalog, self._clock = catalog, clock
        self._totals = Totals()
        self._queues: Sequence[RunQueue] = ()
        self._counted_again = float("-inf")
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        with self._lock, self._catalog.read() as s:
            totals, workers, running = self._totals.read(s), views.workers(s, SECONDS), views.runs_in_progress(s)
            began = self._clock()
            if began >= self._counted_again:
                self._queues = views.run_queues(s)
                self._counted_again = began + SHARE * (self._clock() - began)
            queues = self._queues
        yield from _sums(totals)
        yield from _at_work(workers)
        yield GaugeMetricFamily("dreamtuner_runs_in_progress", "Runs in progress.", value=running)
        cells = GaugeMetricFamily(
            "dreamtuner_run_cells", "Cells of the newest runs in progress, by state.", labels=("run", "name", "state")
        )
        for run in queues:
            for state in CELL_STATES:
                cells.add_metric((run.id, run.name, state), run.cells.get(state, 0))
        yield cells

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: registering must not read the catalog."""
        return iter(())


def exposition(catalog: Catalog) -> Callable[[], bytes]:
    """Return a function that renders the catalog's metrics in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(CatalogCollector(catalog))
    return lambda: generate_latest(registry)


def _sums(totals: dict[Key, Figures]) -> Iterator[Metric]:
    for name, metric, words in SUMS:
        family = CounterMetricFamily(metric, words, labels=BY_WORK)
        for key, figures in sorted(totals.items()):
            family.add_metric(key, figures[name])
        yield family
    for kind, (metric, words) in MADE.items():
        family = CounterMetricFamily(metric, words, labels=("device",))
        for (of, device), figures in sorted(totals.items()):
            if of == kind:
                family.add_metric((device,), figures["items"])
        yield family


def _at_work(workers: Sequence[Workers]) -> Iterator[Metric]:
    working = GaugeMetricFamily("dreamtuner_workers", "Processes at work.", labels=BY_WORK)
    silent = GaugeMetricFamily(
        "dreamtuner_workers_silent", "Processes that vanished from their work within the last hour.", labels=BY_WORK
    )
    for one in workers:
        working.add_metric((one.kind, one.device), one.working)
        silent.add_metric((one.kind, one.device), one.silent)
    yield working
    yield silent
    waiting = sum(one.uploads_waiting for one in workers)
    yield GaugeMetricFamily("dreamtuner_uploads_waiting", "Images generated but not stored yet.", value=waiting)
