"""The current scores of outputs: for each metric the value recorded last."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, Select, select, true
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.schema import MetricVersion, Output, RunCell, Score


def scores_of(s: Session, output_ids: Sequence[int]) -> dict[int, dict[str, float]]:
    """Read each output's current scores, metrics in alphabetical order; outputs without any are left out."""
    parts = [_current().where(Score.output_id.in_(part)) for part in chunks(output_ids)]
    return _by_output(row for rows in parts for row in s.execute(rows))


def scores_of_run(s: Session, run_id: str) -> dict[int, dict[str, float]]:
    """Read the same for all outputs of a run, in one statement."""
    rows = _current().join(Output, Output.id == Score.output_id).join(RunCell, RunCell.cell_id == Output.cell_id)
    return _by_output(s.execute(rows.where(RunCell.run_id == run_id)))


def metric_licences(s: Session) -> dict[str, dict[str, dict[str, str]]]:
    """Return the licences of the models of each version of each metric that has scored: metric, version, model."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for row in s.scalars(select(MetricVersion).order_by(MetricVersion.metric, MetricVersion.created_at)):
        found.setdefault(row.metric, {})[row.version] = dict(row.licences)
    return found


def _current() -> Select[int, str, float]:
    chosen = select(Score.output_id, Score.metric, Score.value)
    return chosen.where(Score.current == true()).order_by(Score.metric)


def _by_output(rows: Iterable[Row[*tuple[Any, ...]]]) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows:
        found[row.output_id][row.metric] = row.value
    return dict(found)
