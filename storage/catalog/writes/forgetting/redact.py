"""Redacts a name in what is left: specs of runs, entries of the audit, frozen queues."""

import json
import re
from collections.abc import Collection
from typing import Any

from sqlalchemy import String, cast, delete, or_, select, update
from sqlalchemy.orm import Session

from storage.catalog.schema import AuditEvent, QueuePart, QueueSplit, ReviewQueue, Run, TriageModel
from storage.catalog.writes.forgetting.erase import permit
from storage.catalog.writes.review.queues import delete_queues

FORGOTTEN = "forgotten"


def redacted(value: Any, name: str) -> Any:
    """Redact the subject `name` in JSON values: objects of that name lose all other keys, texts their value."""
    if isinstance(value, dict):
        if isinstance(value.get("together"), list):  # a spec
            value = value | {"together": [one for one in value["together"] if name not in _named_by(one)]}
        if value.get("name") == name and ({"reference", "references", "class_word"} & value.keys() or len(value) == 1):
            return {"name": FORGOTTEN}
        return {key: redacted(one, name) for key, one in value.items()}
    if isinstance(value, list):
        return [redacted(one, name) for one in value]
    return FORGOTTEN if value == name else value


def _named_by(scene: Any) -> list[str]:
    """List the subjects that a scene's prompt names, in braces."""
    prompt = scene.get("prompt") if isinstance(scene, dict) else scene
    return re.findall(r"\{([^{}]*)\}", prompt) if isinstance(prompt, str) else []


def subjects_named(spec: Any) -> list[str]:
    """List the subject names of a run's spec."""
    subjects = spec.get("subjects") if isinstance(spec, dict) else None
    found = [one.get("name") if isinstance(one, dict) else one for one in subjects or ()]
    return [str(one) for one in found if one is not None]


def runs_naming(s: Session, name: str) -> list[Run]:
    """List the runs whose spec lists the subject."""
    runs = s.scalars(select(Run).where(_mentions(Run.spec, name)))
    return [run for run in runs if name in subjects_named(run.spec)]


def redact_audit(s: Session, name: str) -> list[int]:
    """Redact the name in the before and after values of the audit; actor, action, id and hashes are left.

    Only entries that hold the name as a value are changed: a name may also be a key, such as "masks". Entries of a
    forgetting are never changed. They hold counts, and which entries were redacted before them. Returns the numbers of
    the changed entries: the entry of the forgetting names them, by which the chain is still verified.
    """
    mentions = select(AuditEvent).where(or_(_mentions(AuditEvent.before, name), _mentions(AuditEvent.after, name)))
    found = s.scalars(mentions.where(AuditEvent.action != "forget"))
    rows = [
        (one.id, before, after)
        for one in found
        if (before := redacted(one.before, name), after := redacted(one.after, name)) != (one.before, one.after)
    ]
    permit(s, "audit", [row[0] for row in rows])
    for number, before, after in rows:
        change = update(AuditEvent).where(AuditEvent.id == number).values(before=before, after=after, salt="")
        s.execute(change, execution_options={"synchronize_session": False})
    return [row[0] for row in rows]


def clear_queues(s: Session, outputs: Collection[int], subject_id: int | None = None) -> None:
    """Remove outputs from all review queues; delete empty queues, those of the subject, and splits without parts.

    Triage models go too: their weights name subjects and prompts. The next queue fits a new one.
    """
    s.execute(delete(TriageModel))
    for queue in s.scalars(select(ReviewQueue)).all():
        ids, revisions = queue.ids["ids"], queue.ids["revisions"]
        left = [i for i, one in enumerate(ids) if one not in outputs]
        if not left or (subject_id is not None and queue.filter.get("subject_id") == subject_id):
            delete_queues(s, [queue.id])
        elif len(left) < len(ids):
            queue.ids = {"ids": [ids[i] for i in left], "revisions": [revisions[i] for i in left] if revisions else []}
    s.flush()
    s.execute(delete(QueueSplit).where(~select(QueuePart.queue_id).where(QueuePart.split_id == QueueSplit.id).exists()))


def _mentions(column: Any, name: str) -> Any:
    """Build the condition that the JSON contains the name as a complete string."""
    return cast(column, String).contains(json.dumps(name), autoescape=True)
