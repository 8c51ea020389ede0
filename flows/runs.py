"""A run of a spec in the catalog: begun, alive while it works, and closed however it ends."""

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
class Begun:
    """A run that works. `failed`: how many of its cells are not there at the end; set it before the block ends."""

    id: str
    failed: int = 0


@contextmanager
def begun(spec: Spec, settings: Settings) -> Iterator[Begun]:
    """Enter a run of the spec; it ends as completed, failed, crashed or cancelled. Dead runs are closed first."""
    close_dead_runs(settings)
    crash_dead_flow_runs(settings)
    with catalog_of(settings).write() as s:
        run_id = writes.start_run(
            s,
            name=spec.name,
            spec=spec.model_dump(mode="json"),
            flow_run_id=str(flow_run.id) if flow_run.id else None,
            owner=this_owner(),
        )
    run = Begun(run_id)
    try:
        with RunBeat(catalog_of(settings), run_id, silent_seconds=settings.lease_seconds), shown(run_id, spec.name):
            yield run
    except BaseException as error:
        with catalog_of(settings).write() as s:
            writes.finish_run(s, run_id, "crashed" if isinstance(error, Exception) else "cancelled")
        raise
    with catalog_of(settings).write() as s:
        writes.finish_run(s, run_id, "failed" if run.failed else "completed")
