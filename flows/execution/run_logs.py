"""Sets up the log of a process that works for a run: its lines name the run."""

from collections.abc import Iterator
from contextlib import contextmanager

from flows.settings import Settings
from storage.catalog.owners import this_owner
from storage.logs import log_as_json, logged


@contextmanager
def run_logs(settings: Settings, run_id: str) -> Iterator[None]:
    """Log the lines of the block as the settings say; a flow's process was set up by Prefect before."""
    if settings.log == "json":
        log_as_json(this_owner())
    with logged(run=run_id):
        yield
