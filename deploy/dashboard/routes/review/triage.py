"""What triage left out of a queue, shown when someone asks for it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.resources import resources
from deploy.dashboard.routes.review.review import open_to
from storage.catalog import views, writes

router = APIRouter()
Reviewer = Annotated[Person, Depends(Needs("reviewer"))]


@router.post("/review/{queue_id}/hidden")
def show(queue_id: str, request: Request, person: Reviewer) -> Response:
    """Append the pictures that triage hid to the queue, and go on at the first of them."""
    known = resources(request)
    with known.catalog.write() as s:
        queue = open_to(views.queue(s, queue_id), person)
        shown = writes.show_hidden(s, queue_id)
        if shown:
            after = {"shown": shown}
            deed: dict[str, Any] = {"action": "show hidden", "entity": "queue", "entity_id": queue_id}
            writes.record_audit(s, actor=person.name, after=after, **deed)
    return RedirectResponse(f"/review/{queue_id}?at={len(queue.output_ids)}", 303)
