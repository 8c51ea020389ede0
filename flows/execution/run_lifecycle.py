"""Records a run in the catalog from start to end: its owner, its heartbeat, and how and why it ended."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from prefect.runtime import flow_run
from sqlalchemy.exc import SQLAlchemyError

from flows.execution.dead_runs import close_dead_runs, crash_dead_flow_runs
from flows.execution.handed_back import HandedBack, end_this_process, handed_back_on_sigterm
from flows.execution.server_away import wait_for_server
from flows.faults import RunStoppedError, UnavailableError, one_line
from flows.planning.projects.limits import project_of
from flows.reporting.prefect_artifacts import shown
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from storage.catalog import writes
from storage.catalog.leases.runs import RunHeartbeat
from storage.catalog.owners import this_owner
from storage.catalog.records import RunState, spec_digest
from storage.logs import log_as_json, logged

_log = logging.getLogger(__name__)


@dataclass
class RunRow:
    """An active run. Its flow sets the `reason` for missing images, and the rejected subjects (`refused`)."""

    id: str
    reason: str | None = None
    refused: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def run_logs(settings: Settings, run_id: str) -> Iterator[None]:
    """Log the lines of the block as the settings say, each with the run; Prefect set up a flow's process before."""
    if settings.log == "json":
        log_as_json(this_owner())
    with logged(run=run_id):
        yield


@contextmanager
def run_row(spec: Spec, resources: Resources) -> Iterator[RunRow]:
    """Start a run of `spec`, send heartbeats during the block, and record how the block ends.

    The run ends as failed if the block sets a reason or rejects the spec, as crashed on any other exception, and as
    cancelled on an interrupt. One that is handed back (`flows.execution.handed_back`) goes on, and so does one that
    another process has continued meanwhile, since Prefect took this one for dead: it is left to that one. Runs of
    killed processes are closed first.
    """
    close_dead_runs(resources)
    catalog, values = resources.catalog, spec.model_dump(mode="json", exclude={"priority", "project"})
    project = project_of(spec, catalog)
    with catalog.write() as s:
        flow_run_id = str(flow_run.id) if flow_run.id else None
        run_id = writes.start_run(
            s,
            name=spec.name,
            spec=values,
            flow_run_id=flow_run_id,
            owner=this_owner(),
            priority=spec.priority,
            project_id=None if project is None else project.id,
        )
    row = RunRow(run_id)
    try:
        crash_dead_flow_runs(resources)
        silent, owner = resources.settings.lease_seconds, this_owner()
        beat = RunHeartbeat(catalog, run_id, silent_seconds=silent, owner=owner, on_lost=end_this_process)
        page, logs = shown(run_id, spec.name, spec_digest(values)), run_logs(resources.settings, run_id)
        with handed_back_on_sigterm(taken_over=lambda: beat.lost), logs, beat, page:
            _log.info("run %s of %s began", run_id, spec.name)
            yield row
    except HandedBack:
        raise  # the flow run that continues it continues this row
    except BaseException as error:
        state, row.reason = _end_of(error)
        try:
            _finish(row, state, resources)
        except SQLAlchemyError as second:  # the run is closed later as dead; the first error says more
            _log.warning("the end of run %s could not be recorded: %s", run_id, second)
        raise
    resources.patience().retry(lambda: _finish(row, "completed" if row.reason is None else "failed", resources))
    wait_for_server(resources.patience())


def _finish(row: RunRow, state: RunState, resources: Resources) -> None:
    _log.info("run %s ends as %s%s", row.id, state, f": {row.reason}" if row.reason else "", extra={"run": row.id})
    with resources.catalog.write() as s:
        if not writes.finish_run(s, row.id, state, reason=row.reason, refused=row.refused, owner=this_owner()):
            _log.warning("another process continues run %s, which is left to it", row.id)


def _end_of(error: BaseException) -> tuple[RunState, str]:
    """Return the state and the reason of a run that `error` ended."""
    if isinstance(error, RunStoppedError):
        return error.state, str(error)
    if isinstance(error, InputError):
        return "failed", str(error)
    if isinstance(error, UnavailableError):
        return "crashed", str(error)
    if isinstance(error, Exception):
        return "crashed", f"{type(error).__name__}: {one_line(error)}"
    signal = "SIGTERM" if type(error).__name__ == "TerminationSignal" else str(error) or type(error).__name__
    return "cancelled", f"interrupted ({signal})"
