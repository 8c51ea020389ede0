"""Scores of outputs, one for each metric and version."""

import math

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage.catalog.base import now
from storage.catalog.records import CatalogError, NotInCatalog
from storage.catalog.schema import Output, Score
from storage.catalog.sql import insert_into
from storage.catalog.writes.links import link_scores


def add_score(s: Session, *, output_id: int, metric: str, version: str, value: float) -> None:
    """Record what `metric` in its `version` says of the output, as the current score of that metric.

    Said again, the newer value stands.
    """
    if not math.isfinite(value):
        raise CatalogError(f"value {value} of metric {metric!r} is not a finite number; record no score instead")
    # Locked, so that of two versions scored at once one comes last, and a review meanwhile is not missed.
    chosen = select(Output.subject_id, Output.decision).where(Output.id == output_id)
    output = s.execute(chosen.with_for_update(key_share=True)).first()
    if output is None:
        raise NotInCatalog(f"output_id {output_id} is not in the catalog; finish_cell(...) gives the id")
    others = update(Score).where(Score.output_id == output_id, Score.metric == metric, Score.version != version)
    s.execute(others.values(current=False))
    keys = [Score.output_id, Score.metric, Score.version]
    news = {"value": value, "created_at": now(), "current": True}
    row = {"output_id": output_id, "metric": metric, "version": version} | output._asdict() | news
    s.execute(insert_into(s, Score).values(row).on_conflict_do_update(index_elements=keys, set_=news))
    link_scores(s, [output_id], metric)
