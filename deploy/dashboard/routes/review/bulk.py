"""Bulk decisions on everything that matches a filter: count, apply, undo."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.gallery_filter import FIELDS, parse_filter
from deploy.dashboard.pages import page, redirect
from deploy.dashboard.resources import Resources, resources
from deploy.dashboard.routes.review.review import collect, store_queue, title_of
from storage.catalog import views, writes
from storage.catalog.records import DECISIONS, Arrangement, CatalogError, Decision
from storage.catalog.views import Filter
from storage.catalog.writes.review.batches import PART, Seen
from storage.catalog.writes.review.queues import BULK

router = APIRouter()
Reviewer = Annotated[Person, Depends(Needs("reviewer"))]
MOST = 5000  # outputs of one decision


@router.get("/bulk")
def batches(request: Request, person: Reviewer) -> Response:
    """Show the latest bulk decisions, which can be undone."""
    with resources(request).catalog.read() as s:
        shown = views.batches(s)
    return page(request, "batches.html", person, shown=shown)


@router.post("/bulk/count")
async def count(request: Request, person: Reviewer) -> Response:
    """Count the matching outputs and freeze them for the next step."""
    form = await request.form()
    asked = parse_filter({name: form.get(name) for name in FIELDS})
    decision = str(form.get("to") or "")
    if decision not in DECISIONS:
        raise CatalogError(f"to: {decision!r} is not a decision; choose one of {', '.join(DECISIONS)}")
    return await run_in_threadpool(_count, request, person, asked, decision)


def _count(request: Request, person: Person, asked: Filter, decision: Decision) -> Response:
    known = resources(request)
    ids, revisions = collect(known, asked, MOST)
    with known.catalog.read() as s:
        title = title_of(asked, views.choices(s))
    queue_id = ""
    if ids:
        given = asked.as_json() | {BULK: decision}
        with known.catalog.write() as s:
            queue_id = store_queue(s, person, title, given, Arrangement(ids=ids), revisions)
    return page(
        request,
        "bulk.html",
        person,
        queue_id=queue_id,
        title=title,
        decision=decision,
        count=len(ids),
        most=MOST,
        asked=asked.as_json(),
    )


@router.post("/bulk/{queue_id}")
def apply(queue_id: str, request: Request, person: Reviewer) -> Response:
    """Apply the decision. Outputs that changed since the count are left unchanged. Idempotent."""
    known = resources(request)
    with known.catalog.read() as s:
        queue = views.queue(s, queue_id)
    if queue.user_id != person.user_id or BULK not in queue.filter:
        raise CatalogError("this bulk decision is not yours; start again from the gallery")
    decision = cast(Decision, queue.filter[BULK])
    given = {name: value for name, value in queue.filter.items() if name != BULK}
    seen = [Seen(*pair) for pair in zip(queue.output_ids, queue.revisions, strict=True)]
    with known.catalog.write() as s:
        writes.begin_batch(s, id=queue_id, reviewer=person.name, decision=decision, filter=given)
    for first in range(0, len(seen), PART):
        _part(known, queue_id, seen[first : first + PART])
    changed = known.catalog.transact(lambda s: writes.end_batch(s, queue_id))
    left = len(seen) - changed
    said = f"{changed} decided" + (f", {left} changed in the meantime and were left unchanged" if left else "")
    return redirect("/bulk", said)


def _part(known: Resources, batch_id: str, seen: list[Seen]) -> None:
    needed = known.settings.approvals
    known.catalog.transact(lambda s: writes.decide_part(s, batch_id, seen, approvals_needed=needed))


@router.post("/bulk/{batch_id}/undo")
def undo(batch_id: str, request: Request, person: Reviewer) -> Response:
    """Restore every output's previous decision, unless someone has decided on it since."""
    known = resources(request)
    needed, undone, after = known.settings.approvals, 0, 0
    while True:
        with known.catalog.write() as s:
            more, after = writes.undo_part(s, batch_id, actor=person.name, after=after, approvals_needed=needed)
        undone += more
        if after == 0:
            return redirect("/bulk", f"{undone} undone")
