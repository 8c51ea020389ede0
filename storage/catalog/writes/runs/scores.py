"""Scores of outputs, one for each metric and version."""

import math
from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.database.sql import chunks, insert_into
from storage.catalog.records import CatalogError, NotInCatalogError
from storage.catalog.schema import MetricVersion, Output, Score
from storage.catalog.writes.runs.links import link_scores


def add_scores(
    s: Session,
    *,
    metric: str,
    version: str,
    values: Mapping[int, float],
    licences: Mapping[str, str] | None = None,
    device_seconds: float | None = None,
    device: str | None = None,
) -> None:
    """Store scores of this `version` of `metric`, by output id, as their current ones. All or none are stored.

    Existing values are overwritten. `licences`: of the models that the version scores with, by the model's name.
    `device_seconds`: what all of them took on a device of the class `device`; each score has an equal share.
    Raises CatalogError for a value that is not finite, NotInCatalogError for an unknown output.
    """
    for value in values.values():
        if not math.isfinite(value):
            raise CatalogError(f"value {value} of metric {metric!r} is not a finite number; record no score instead")
    if licences is not None:
        _keep_licences(s, metric, version, licences)
    for part in chunks(sorted(values)):  # sorted, to avoid deadlocks
        # Locked, so that of two versions scored at once one comes last, and a review meanwhile is not missed.
        chosen = select(Output.id, Output.subject_id, Output.decision).where(Output.id.in_(part)).order_by(Output.id)
        rows = s.execute(chosen.with_for_update(key_share=True)).all()
        if missing := set(part) - {row.id for row in rows}:
            raise NotInCatalogError(f"output_id {min(missing)} is not in the catalog; finish_cell(...) gives the id")
        others = update(Score).where(Score.output_id.in_(part), Score.metric == metric, Score.version != version)
        s.execute(others.values(current=False).execution_options(synchronize_session=False))
        at = now()
        took = {} if device_seconds is None else {"device_seconds": device_seconds / len(values), "device": device}
        entered = insert_into(s, Score)
        news = {name: entered.excluded[name] for name in ("value", "created_at", "current", *took)}
        keys = [Score.output_id, Score.metric, Score.version]
        s.execute(
            entered.on_conflict_do_update(index_elements=keys, set_=news),
            [
                {"output_id": row.id, "subject_id": row.subject_id, "decision": row.decision}
                | {"metric": metric, "version": version, "value": values[row.id], "created_at": at, "current": True}
                | took
                for row in rows
            ],
        )
        link_scores(s, part, metric)


def _keep_licences(s: Session, metric: str, version: str, licences: Mapping[str, str]) -> None:
    entered = insert_into(s, MetricVersion)
    row = {"metric": metric, "version": version, "licences": dict(licences), "created_at": now()}
    news = {"licences": entered.excluded.licences}
    s.execute(entered.on_conflict_do_update(index_elements=["metric", "version"], set_=news), [row])
