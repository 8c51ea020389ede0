"""Models of what a team keeps: the newest few are stored."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.catalog.schema import TriageModel

KEPT = 5  # models; queues state for themselves what their triage rested on


def add_triage_model(s: Session, *, version: str, decisions: int, keepers: int, weights: Mapping[str, Any]) -> int:
    """Store a model fitted to `decisions`, of which `keepers` are approvals; return its id. Old ones are deleted."""
    model = TriageModel(version=version, decisions=decisions, keepers=keepers, weights=dict(weights))
    s.add(model)
    s.flush()
    old = select(TriageModel.id).order_by(TriageModel.id.desc()).offset(KEPT)
    s.execute(delete(TriageModel).where(TriageModel.id.in_(s.scalars(old).all())))
    return model.id
