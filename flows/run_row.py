"""A run's row in the catalog, from its start to its end: who carries it out, that it lives, and how it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prefect.runtime import flow_run

from flows.artifacts import shown
from flows.dead import close_dead_runs, crash_dead_flow_runs
from flows.resources import catalog_of
from flows.settings import Settings
from flows.spec import Spec
from storage.catalog import writes
from storage.catalog.owners import this_owner
from storage.catalog.run_beat import RunBeat


@dataclass
class RunRow:
    """A run that is being carried out. `failed`: whether something of it has failed, as its flow says."""

    id: str
    failed: bool = False


@contextmanager
def run_row(spec: Spec, settings: Settings) -> Iterator[RunRow]:
    """Start a run of `spec`, keep it alive while the block works, and end it as the block ends.

    An exception ends it as crashed, an interrupt or a cancellation as cancelled. What killed processes left running is
    closed first.
    """
    close_dead_runs(settings)
    crash_dead_flow_runs(settings)
    catalog = catalog_of(settings)
    with catalog.write() as s:
        run_id = writes.start_run(
            s,
            name=spec.name,
            spec=spec.model_dump(mode="json"),
            flow_run_id=str(flow_run.id) if flow_run.id else None,
            owner=this_owner(),
        )
    row = RunRow(run_id)
    try:
        with RunBeat(catalog, run_id, silent_seconds=settings.lease_seconds), shown(run_id, spec.name):
            yield row
    except BaseException as error:
        with catalog.write() as s:
            writes.finish_run(s, run_id, "crashed" if isinstance(error, Exception) else "cancelled")
        raise
    with catalog.write() as s:
        writes.finish_run(s, run_id, "failed" if row.failed else "completed")
