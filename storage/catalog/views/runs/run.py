"""One run in full: its state, results, and the cells that are missing and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from storage.catalog.claims import claimable
from storage.catalog.database.sql import as_records, instant
from storage.catalog.records import CELL_STATES, CellState, NotInCatalogError, RunState, spec_digest
from storage.catalog.schema import AuditEvent, Cell, Output, Project, Run, RunCell, Subject

MOST = 50  # reasons that are listed


@dataclass(frozen=True)
class CellReason:
    """A missing cell of the run, and why: its own failure, or the reason why a worker released it."""

    digest: str
    state: CellState
    subject: str
    prompt: str
    seed: int
    reason: str


@dataclass(frozen=True)
class RunDetail:
    """A run for its page. `cells`: their number by current state, every state a key.

    `host`: the machine that ran it; `started_by`: who started it in the dashboard; None if unknown.
    `reasons`: the first missing cells, in grid order.
    """

    id: str
    name: str
    state: RunState
    reason: str | None
    refused: Mapping[str, str]
    started_at: datetime
    finished_at: datetime | None
    cells: Mapping[CellState, int]
    reasons: Sequence[CellReason]
    spec_digest: str
    sheet_sha256: str | None
    flow_run_id: str | None
    host: str | None
    started_by: str | None
    cancelled_by: str | None = None


def spec_of_run(s: Session, run_id: str) -> dict[str, Any]:
    """Return the spec of a run with its project, without passwords and signatures in its addresses.

    Raises NotInCatalogError.
    """
    project = select(Project.name).where(Project.id == Run.project_id).scalar_subquery()
    found = s.execute(select(Run.spec, project.label("project")).where(Run.id == run_id)).first()
    if found is None:
        raise _unknown(run_id)
    return {**found.spec} | ({} if found.project is None else {"project": found.project})


def run(s: Session, run_id: str) -> RunDetail:
    """Return the run. Raises NotInCatalogError."""
    row = s.get(Run, run_id)
    if row is None:
        raise _unknown(run_id)
    counts = counts_of_run(s, run_id)
    return RunDetail(
        id=row.id,
        name=row.name,
        state=row.state,
        reason=row.reason,
        refused=row.refused or {},
        started_at=row.started_at,
        finished_at=row.finished_at,
        cells={state: counts.get(state, 0) for state in CELL_STATES},
        reasons=_reasons(s, run_id),
        spec_digest=spec_digest(row.spec),
        sheet_sha256=row.sheet_sha256,
        flow_run_id=row.flow_run_id,
        host=row.owner.partition(":")[0].partition("/")[0] if row.owner else None,
        started_by=_started_by(s, row.flow_run_id),
        cancelled_by=row.cancelled_by,
    )


def _unknown(run_id: str) -> NotInCatalogError:
    return NotInCatalogError(f"run {run_id[:60]!r} is not in the catalog; `dreamtuner status` lists the last ones")


def counts_of_run(s: Session, run_id: str) -> dict[CellState, int]:
    """Count the run's cells by state; states that none is in are left out."""
    counted = select(Cell.state, func.count()).join(RunCell, RunCell.cell_id == Cell.id)
    return dict(s.execute(counted.where(RunCell.run_id == run_id).group_by(Cell.state)).all())


def made_by_run(s: Session, run_id: str) -> Sequence[str]:
    """List the digests of the cells whose images the run's workers generated."""
    made = select(Cell.digest).join(RunCell, RunCell.cell_id == Cell.id).join(Output, Output.cell_id == Cell.id)
    ours = (RunCell.run_id == run_id, Output.run_id == run_id, Cell.state == "generated")
    return s.scalars(made.where(*ours).order_by(Cell.digest)).all()


def _reasons(s: Session, run_id: str) -> list[CellReason]:
    reason = func.coalesce(Cell.error, "").label("reason")
    columns = (Cell.digest, Cell.state, Subject.name.label("subject"), Cell.prompt, Cell.seed, reason)
    requested_for = func.coalesce(RunCell.subject_id, Cell.subject_id)
    chosen = select(*columns).join(RunCell, RunCell.cell_id == Cell.id).join(Subject, Subject.id == requested_for)
    missing = or_(Cell.state == "failed", Cell.state == "planned")
    rows = chosen.where(RunCell.run_id == run_id, missing, Cell.error.is_not(None))
    return as_records(CellReason, s.execute(rows.order_by(RunCell.position).limit(MOST)))


def _started_by(s: Session, flow_run_id: str | None) -> str | None:
    if flow_run_id is None:
        return None
    started = select(AuditEvent.actor).where(AuditEvent.entity == "flow run", AuditEvent.entity_id == flow_run_id)
    return s.scalar(started.where(AuditEvent.action == "start flow").limit(1))


@dataclass(frozen=True)
class RunPoll:
    """The state of a run's cells for a process that waits for others: counts, and digests of cells that it may claim,
    including those of dead processes."""

    total: int
    generated: int
    generating: int
    claimable: Sequence[str]


def poll_run(s: Session, run_id: str, *, most: int) -> RunPoll:
    """Count the run's cells by state and list at most `most` claimable ones, in two short queries."""
    states = counts_of_run(s, run_id)
    free = select(Cell.digest).join(RunCell, RunCell.cell_id == Cell.id).where(RunCell.run_id == run_id)
    found = s.scalars(free.where(claimable(s, instant(s))).order_by(RunCell.position).limit(most)).all()
    return RunPoll(sum(states.values()), states.get("generated", 0), states.get("generating", 0), found)
