"""Scores of outputs, one for each metric and version."""

import math

from sqlalchemy.orm import Session

from storage.catalog.base import now
from storage.catalog.records import CatalogError
from storage.catalog.schema import Score
from storage.catalog.sql import insert_into


def add_score(s: Session, *, output_id: int, metric: str, version: str, value: float) -> None:
    """Record what `metric` in its `version` says of the output. Said again, the newer value stands."""
    if not math.isfinite(value):
        raise CatalogError(f"value {value} of metric {metric!r} is not a finite number; record no score instead")
    row = {"output_id": output_id, "metric": metric, "version": version, "value": value}
    keys = [Score.output_id, Score.metric, Score.version]
    news = {"value": value, "created_at": now()}
    s.execute(insert_into(s, Score).values(row).on_conflict_do_update(index_elements=keys, set_=news))
