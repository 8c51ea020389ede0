"""What becomes true of runs, found in the runs and reviews themselves, and entered once with its deliveries.

Nothing has to remember to tell: whoever ends a run or reviews a picture writes no event, and an event that a killed
process did not enter is found by the next one.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into, instant
from storage.catalog.records import WebhookEvent
from storage.catalog.schema import Cell, Delivery, EventMark, Output, Review, Run, RunCell, RunEvent, Webhook

LATE = timedelta(hours=1)
"""How much further back ended runs are looked for: the clocks of workers differ, and commits come late."""
SETTLED = timedelta(minutes=1)
"""Reviews younger than this are looked at again: one with a lower id may be committed later."""
MOST_RUNS, MOST_REVIEWS = 200, 5000


def enter_run_events(s: Session) -> bool:
    """Enter what became true since the last look; return whether there may be more at once.

    run.ready: a run completed. run.failed: it ended otherwise. run.approved: it completed, no image of it waits for a
    decision (none or flagged), and at least one is approved. Each at most once per run, whatever happens to it later.
    """
    mark = s.get(EventMark, 1)
    if mark is None or not s.scalar(select(Webhook.id).where(Webhook.active).limit(1)):
        return False
    at = instant(s)
    ended = _ended(s, mark)
    for run in ended:
        _enter(s, run.id, "run.ready" if run.state == "completed" else "run.failed", run.finished_at)
    reviewed, review_id, more = _reviewed(s, mark, at)
    completed = [run.id for run in ended if run.state == "completed"]
    for run_id in dict.fromkeys([*completed, *reviewed]):
        if _is_approved(s, run_id):
            _enter(s, run_id, "run.approved", at)
    if ended:
        mark.ended_at = max(mark.ended_at, min(at, ended[-1].finished_at))
    mark.review_id = max(mark.review_id, review_id)
    return more or len(ended) == MOST_RUNS


def enter_failed_order(s: Session, order_id: str) -> None:
    """Enter that an order ended without ever becoming a run."""
    _enter(s, order_id, "run.failed", instant(s))


def _ended(s: Session, mark: EventMark) -> Sequence[Any]:
    kind = case((Run.state == "completed", "run.ready"), else_="run.failed")
    told = select(RunEvent.id).where(RunEvent.run_id == Run.id, RunEvent.kind == kind)
    rows = select(Run.id, Run.state, Run.finished_at).where(Run.finished_at > mark.ended_at - LATE)
    rows = rows.where(Run.state != "running", ~told.exists()).order_by(Run.finished_at, Run.id)
    return s.execute(rows.limit(MOST_RUNS)).all()


def _reviewed(s: Session, mark: EventMark, at: datetime) -> tuple[Sequence[str], int, bool]:
    """Return the completed runs that were reviewed, up to which review they were looked for, and whether more wait."""
    page = select(Review.id, Review.output_id, Review.created_at).where(Review.id > mark.review_id)
    page = page.order_by(Review.id).limit(MOST_REVIEWS)
    reviews = s.execute(page).all()
    if not reviews:
        return (), mark.review_id, False
    first, last = reviews[0].id, reviews[-1].id
    told = select(RunEvent.id).where(RunEvent.run_id == Run.id, RunEvent.kind == "run.approved")
    runs = select(Run.id).join(RunCell, RunCell.run_id == Run.id).join(Output, Output.cell_id == RunCell.cell_id)
    runs = runs.join(Review, Review.output_id == Output.id).where(Review.id.between(first, last))
    runs = runs.where(Run.state == "completed", ~told.exists()).distinct()
    settled = mark.review_id
    for one in reviews:
        if one.created_at > at - SETTLED:
            break
        settled = one.id
    return s.scalars(runs).all(), settled, len(reviews) == MOST_REVIEWS and settled == last


def _is_approved(s: Session, run_id: str) -> bool:
    """Return whether no image of the run waits for a decision, and one is approved."""
    images = select(Output.id).join(RunCell, RunCell.cell_id == Output.cell_id).join(Cell, Cell.id == Output.cell_id)
    images = images.where(RunCell.run_id == run_id, Cell.state == "generated")
    undecided = images.where(or_(Output.decision == "none", Output.decision == "flagged")).limit(1)
    approved = images.where(Output.decision == "approved").limit(1)
    return s.scalar(undecided) is None and s.scalar(approved) is not None


def _enter(s: Session, run_id: str, kind: WebhookEvent, occurred_at: datetime) -> None:
    """Enter an event, unless it is there, with a delivery to every webhook that wanted it when it happened."""
    id = f"msg_{uuid.uuid4().hex}"
    row: dict[str, Any] = {"id": id, "run_id": run_id, "kind": kind, "data": _data(s, run_id)}
    row |= {"occurred_at": occurred_at, "created_at": instant(s)}
    new = insert_into(s, RunEvent).values(row).on_conflict_do_nothing().returning(RunEvent.id)
    if s.execute(new).first() is None:
        return
    hooks = s.execute(select(Webhook.id, Webhook.events).where(Webhook.created_at <= occurred_at)).all()
    for hook in hooks:
        if kind in hook.events.split():
            waiting: dict[str, Any] = {"webhook_id": hook.id, "event_id": id, "state": "waiting", "attempts": 0}
            waiting |= {"next_at": instant(s), "created_at": instant(s)}
            s.execute(insert_into(s, Delivery).values(waiting).on_conflict_do_nothing())


def _data(s: Session, run_id: str) -> dict[str, Any]:
    """Return what is told of a run: its id, how it stands and counts, no names; what it says is asked for here."""
    state = s.scalar(select(Run.state).where(Run.id == run_id))
    if state is None:
        return {"run_id": run_id, "state": "failed", "began": False}
    there = and_(Output.cell_id == Cell.id, Cell.state == "generated")
    rows = select(Cell.state, Output.decision, func.count()).select_from(RunCell)
    rows = rows.join(Cell, Cell.id == RunCell.cell_id).outerjoin(Output, there).where(RunCell.run_id == run_id)
    counts = {"total": 0, "generated": 0, "failed": 0, "approved": 0, "rejected": 0}
    for cell, decision, number in s.execute(rows.group_by(Cell.state, Output.decision)):
        counts["total"] += number
        for name in (cell, decision):
            if name in counts:
                counts[name] += number
    return {"run_id": run_id, "state": state, "began": True, "images": counts}
