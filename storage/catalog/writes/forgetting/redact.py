"""A name taken out of what stays: specs of runs, entries of the audit, frozen queues."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import String, cast, or_, select, update
from sqlalchemy.orm import Session

from storage.catalog.schema import AuditEvent, ReviewQueue, Run
from storage.catalog.writes.forgetting.erase import permit

FORGOTTEN = "forgotten"


def redacted(value: Any, name: str) -> Any:
    """JSON values without the subject `name`: an object that bears it loses all else that it says, text its value."""
    if isinstance(value, dict):
        if value.get("name") == name and ("reference" in value or "class_word" in value or len(value) == 1):
            return {"name": FORGOTTEN}
        return {key: redacted(one, name) for key, one in value.items()}
    if isinstance(value, list):
        return [redacted(one, name) for one in value]
    return FORGOTTEN if value == name else value


def subjects_named(spec: Any) -> list[str]:
    """The subjects of a run's spec."""
    subjects = spec.get("subjects") if isinstance(spec, dict) else None
    found = [one.get("name") if isinstance(one, dict) else one for one in subjects or ()]
    return [str(one) for one in found if one is not None]


def runs_naming(s: Session, name: str) -> list[Run]:
    """The runs whose spec lists the subject."""
    runs = s.scalars(select(Run).where(_mentions(Run.spec, name)))
    return [run for run in runs if name in subjects_named(run.spec)]


def redact_audit(s: Session, name: str) -> None:
    """Take the name out of what audit entries say was before and after; who did what to which number stays."""
    told = select(AuditEvent).where(or_(_mentions(AuditEvent.before, name), _mentions(AuditEvent.after, name)))
    rows = [(one.id, redacted(one.before, name), redacted(one.after, name)) for one in s.scalars(told)]
    permit(s, "audit", [row[0] for row in rows])
    for number, before, after in rows:
        change = update(AuditEvent).where(AuditEvent.id == number).values(before=before, after=after)
        s.execute(change, execution_options={"synchronize_session": False})


def clear_queues(s: Session, outputs: Collection[int], subject_id: int | None = None) -> None:
    """Take outputs out of all review queues; a queue of the subject, or one that is empty then, goes."""
    for queue in s.scalars(select(ReviewQueue)).all():
        ids, revisions = queue.ids["ids"], queue.ids["revisions"]
        kept = [i for i, one in enumerate(ids) if one not in outputs]
        if not kept or (subject_id is not None and queue.filter.get("subject_id") == subject_id):
            s.delete(queue)
        elif len(kept) < len(ids):
            queue.ids = {"ids": [ids[i] for i in kept], "revisions": [revisions[i] for i in kept] if revisions else []}
    s.flush()


def _mentions(column: Any, name: str) -> Any:
    """That the JSON holds the name as a whole text, as json.dumps writes it."""
    return cast(column, String).contains(json.dumps(name), autoescape=True)
