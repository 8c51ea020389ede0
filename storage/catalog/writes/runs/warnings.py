"""Warnings of runs about differences between their results and the request."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from storage.catalog.records import RunWarning
from storage.catalog.schema import WarningRow
from storage.catalog.writes.runs.run import lock_run


def replace_warnings(s: Session, run_id: str, warnings: Sequence[RunWarning], subject_ids: Mapping[str, int]) -> None:
    """Replace the run's warnings. Those of subjects that are not in `subject_ids` are omitted."""
    lock_run(s, run_id)
    s.execute(delete(WarningRow).where(WarningRow.run_id == run_id))
    rows = [
        {
            "run_id": run_id,
            "subject_id": None if one.subject is None else subject_ids[one.subject],
            "prompt": one.prompt,
            "place": one.place,
            "kind": one.kind,
            "message": one.message,
        }
        for one in warnings
        if one.subject is None or one.subject in subject_ids
    ]
    if rows:
        s.execute(insert(WarningRow), rows)
