"""Models of what the people of a project keep: the newest few of each are stored."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.catalog.schema import TriageModel

KEPT = 5  # models of a project; queues state for themselves what their triage rested on


def add_triage_model(
    s: Session, *, version: str, decisions: int, keepers: int, weights: Mapping[str, Any], project_id: int | None = None
) -> int:
    """Store a model fitted to `decisions`, of which `keepers` are approvals; return its id.

    `project_id`: whose images they were on, None: images of no project. The old ones of the project are deleted.
    """
    fields: dict[str, Any] = {"version": version, "decisions": decisions, "keepers": keepers, "weights": dict(weights)}
    model = TriageModel(project_id=project_id, **fields)
    s.add(model)
    s.flush()
    ours = TriageModel.project_id.is_(None) if project_id is None else TriageModel.project_id == project_id
    old = select(TriageModel.id).where(ours).order_by(TriageModel.id.desc()).offset(KEPT)
    s.execute(delete(TriageModel).where(TriageModel.id.in_(s.scalars(old).all())))
    return model.id
