"""Runs: one asking for a grid of cells."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage.catalog.base import now
from storage.catalog.records import RUN_STATES, CatalogError, NotInCatalog, RunState
from storage.catalog.schema import Run


def start_run(s: Session, *, name: str, spec: Mapping[str, Any], flow_run_id: str | None) -> str:
    """The id (uuid4 text) of a run that is now running.

    The orchestrator's `flow_run_id`, when given, names one run: a flow that is retried goes on with the run it began.
    """
    if flow_run_id is not None:
        begun = s.scalar(select(Run).where(Run.flow_run_id == flow_run_id))
        if begun is not None:
            begun.state, begun.finished_at = "running", None
            s.flush()
            return begun.id
    run = Run(id=str(uuid.uuid4()), name=name, state="running", spec=dict(spec), flow_run_id=flow_run_id)
    s.add(run)
    s.flush()
    return run.id


def finish_run(s: Session, run_id: str, state: RunState) -> None:
    """Close the run as "completed", "failed", "cancelled" or "crashed"."""
    if state not in RUN_STATES or state == "running":
        raise CatalogError(f"state {state!r} does not end a run; use one of {', '.join(RUN_STATES[1:])}")
    closed = s.execute(update(Run).where(Run.id == run_id).values(state=state, finished_at=now()).returning(Run.id))
    if closed.first() is None:
        raise NotInCatalog(f"run {run_id!r} is not in the catalog; start_run(...) gives the id")
