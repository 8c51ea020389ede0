"""Runs: each executes a spec."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import case, func, null, select, update
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.database.sql import insert_into, instant
from storage.catalog.records import RUN_STATES, CatalogError, NotInCatalogError, Priority, RunState
from storage.catalog.schema import Cell, Run, RunCell
from storage.catalog.writes.audit import record_audit
from storage.catalog.writes.blobs import require_blob
from storage.redaction import redact_text, redact_values

MAX_REASON_LENGTH = 4000  # characters; the log has the rest


def start_run(
    s: Session,
    *,
    name: str,
    spec: Mapping[str, Any],
    flow_run_id: str | None,
    owner: str | None = None,
    priority: Priority = "normal",
    project_id: int | None = None,
) -> str:
    """Start a run in the process `owner`, of a project, and return its id (uuid4 text).

    A `flow_run_id` of the orchestrator identifies one run: a retried flow continues the run it started, which stays
    cancelled if somebody cancelled it and its process died before it saw that.
    """
    row: dict[str, Any] = {"id": str(uuid.uuid4()), "name": name, "spec": redact_values(spec)}
    row["flow_run_id"] = flow_run_id
    news: dict[str, Any] = {"state": "running", "finished_at": None, "owner": owner, "seen_at": instant(s)}
    news |= {"ended_with": null(), "reason": None, "refused": null(), "cancelled_by": None, "priority": priority}
    row |= news | {"project_id": project_id}
    kept = {"cancelled_by": case((Run.state.in_(("running", "crashed")), Run.cancelled_by), else_=None)}
    insert = insert_into(s, Run).values(row).on_conflict_do_update(index_elements=[Run.flow_run_id], set_=news | kept)
    return s.scalars(insert.returning(Run.id)).one()


def finish_run(
    s: Session,
    run_id: str,
    state: RunState,
    *,
    reason: str | None = None,
    refused: Mapping[str, str] | None = None,
    owner: str | None = None,
) -> bool:
    """Close the run as "completed", "failed", "cancelled" or "crashed", with the counts of its cells by state.

    `reason`: why it did not complete, for people; `refused`: names of rejected subjects, each with the reason.
    `owner`: the process that closes it; returns False, and changes nothing, if another has continued it since.
    """
    if state not in RUN_STATES or state == "running":
        raise CatalogError(f"state {state!r} does not end a run; use one of {', '.join(RUN_STATES[1:])}")
    news: dict[str, Any] = {"state": state, "finished_at": now(), "ended_with": states_of(s, run_id)}
    reason = redact_text(reason)[:MAX_REASON_LENGTH] if reason else None
    news |= {"reason": reason, "refused": redact_values(refused) if refused else null()}
    return _change(s, run_id, news, owner)


def cancel_run(s: Session, run_id: str, *, actor: str) -> None:
    """Ask the workers of a run in progress to stop. Raises CatalogError if it has ended."""
    change = update(Run).where(Run.id == run_id, Run.state == "running").values(cancelled_by=actor)
    if s.execute(change.returning(Run.id)).first() is None:
        lock_run(s, run_id)
        raise CatalogError("this run has ended; there is nothing to cancel")
    record_audit(s, actor=actor, action="cancel run", entity="run", entity_id=run_id)


def touch_run(s: Session, run_id: str, owner: str | None = None) -> bool:
    """Record a heartbeat of the run's process `owner`.

    Returns False, and changes nothing, if another process has continued the run since.
    """
    return _change(s, run_id, {"seen_at": instant(s)}, owner)


def set_sheet(s: Session, run_id: str, sha256: str, key: str | None = None) -> None:
    """Set the run's contact sheet, a recorded blob. `key`: SHA-256 of what it shows."""
    require_blob(s, "sha256", sha256)
    _change(s, run_id, {"sheet_sha256": sha256, "sheet_key": key})


def states_of(s: Session, run_id: str) -> dict[str, int]:
    """Count the run's cells by state."""
    counted = select(Cell.state, func.count()).join(RunCell, RunCell.cell_id == Cell.id)
    return dict(s.execute(counted.where(RunCell.run_id == run_id).group_by(Cell.state)).all())


def lock_run(s: Session, run_id: str) -> None:
    """Lock the run's row until the transaction ends. Raises NotInCatalogError."""
    if s.scalar(select(Run.id).where(Run.id == run_id).with_for_update(key_share=True)) is None:
        raise _unknown(run_id)


def _change(s: Session, run_id: str, news: dict[str, Any], owner: str | None = None) -> bool:
    """Change the run, unless it is not that of `owner` any more; return whether it was changed."""
    change = update(Run).where(Run.id == run_id).values(news).returning(Run.id)
    if owner is not None:
        change = change.where(Run.owner == owner)
    if s.execute(change).first() is not None:
        return True
    if owner is None or s.scalar(select(Run.id).where(Run.id == run_id)) is None:
        raise _unknown(run_id)
    return False


def _unknown(run_id: str) -> NotInCatalogError:
    return NotInCatalogError(f"run {run_id!r} is not in the catalog; start_run(...) gives the id")
