"""Work sessions: what a process has spent and done, written again with every beat."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into, instant
from storage.catalog.records import WorkFigures, WorkKind
from storage.catalog.schema import WorkSession
from storage.catalog.writes.projects.spending import spend_in_project


def record_work(
    s: Session,
    session_id: str,
    *,
    run_id: str | None,
    owner: str,
    kind: WorkKind,
    device: str,
    device_seconds: float,
    figures: WorkFigures,
    ended: bool = False,
) -> None:
    """Record the totals of a session since its start; `ended`: it is over. What is new counts for the project too."""
    at = instant(s)
    counted = s.scalar(select(WorkSession.device_seconds).where(WorkSession.id == session_id)) or 0.0
    spend_in_project(s, run_id, device_seconds - counted)
    news: dict[str, Any] = {"seen_at": at, "ended_at": at if ended else None, "device_seconds": device_seconds}
    news |= asdict(figures)
    row = {"id": session_id, "run_id": run_id, "owner": owner, "kind": kind, "device": device, "started_at": at}
    insert = insert_into(s, WorkSession).values(row | news)
    s.execute(insert.on_conflict_do_update(index_elements=[WorkSession.id], set_=news))
