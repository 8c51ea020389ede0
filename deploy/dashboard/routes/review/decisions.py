"""Decisions on one output: sent by the review page as JSON, or by the form on the output's own page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import DECIDED, redirect
from deploy.dashboard.resources import Resources, resources
from deploy.dashboard.routes.review.output import output_page
from storage.catalog import views, writes
from storage.catalog.records import CatalogError, Decision, ReviewConflictError

router = APIRouter()
Reviewer = Annotated[Person, Depends(Needs("reviewer"))]
MAX_NOTE = 2000


class DecisionRequest(BaseModel):
    """A decision as the page sends it; with `undo` it reverts the one that led to `revision`."""

    model_config = ConfigDict(extra="forbid")

    uuid: Annotated[str, Field(min_length=8, max_length=64)]
    output_id: int
    revision: int
    decision: Decision
    rating: Annotated[int, Field(ge=0, le=5)] = 0
    note: Annotated[str, Field(max_length=MAX_NOTE)] = ""
    undo: bool = False


@router.post("/api/reviews")
def decide(sent: DecisionRequest, request: Request, person: Reviewer) -> dict[str, Any]:
    """Record one decision; 409 if the output was reviewed or regenerated since. The same uuid is stored once."""
    known = resources(request)
    done = record(known, person, sent)
    with known.catalog.read() as s:
        now = views.output(s, sent.output_id)
    state = {"decision": now.decision, "rating": now.rating, "approvals": now.approvals}
    return {"uuid": sent.uuid, "revision": done.revision, **state}


def record(known: Resources, person: Person, sent: DecisionRequest) -> writes.Reviewed:
    """Store a decision, with its audit. Raises ReviewConflictError."""
    return known.catalog.transact(lambda s: store(s, person, sent, known.settings.approvals))


def store(s: Session, person: Person, sent: DecisionRequest, needed: int, **about: Any) -> writes.Reviewed:
    """Store a decision in a transaction, with its audit, which also says what `about` does."""
    before = views.output(s, sent.output_id)
    who: dict[str, Any] = {
        "uuid": sent.uuid,
        "output_id": sent.output_id,
        "revision": sent.revision,
        "reviewer": person.name,
    }
    if sent.undo:
        done = writes.undo_review(s, approvals_needed=needed, **who)
    else:
        what: dict[str, Any] = {"decision": sent.decision, "rating": sent.rating, "note": sent.note}
        done = writes.add_review(s, approvals_needed=needed, **who, **what)
    now = views.output(s, sent.output_id)
    if now.revision != before.revision:  # not a repetition
        writes.record_audit(
            s,
            actor=person.name,
            action="undo review" if sent.undo else "review",
            entity="output",
            entity_id=sent.output_id,
            before={"decision": before.decision, "rating": before.rating, "revision": before.revision},
            after={"decision": now.decision, "rating": now.rating, "revision": now.revision} | about,
        )
    return done


@router.post("/outputs/{output_id:int}/review")
def decide_here(
    output_id: int,
    request: Request,
    person: Reviewer,
    uuid: Annotated[str, Form(min_length=8, max_length=64)],
    revision: Annotated[int, Form()],
    decision: Annotated[Decision | None, Form()] = None,
    rating: Annotated[int, Form(ge=0, le=5)] = 0,
    note: Annotated[str, Form(max_length=MAX_NOTE)] = "",
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Record a decision from the output's page; a `reason` rejects it. After a conflict the note is still there."""
    if decision is None and not reason:
        raise CatalogError("decision: choose one")
    said = ": ".join(one for one in (reason.strip(), note.strip()) if one)[:MAX_NOTE]
    given: dict[str, Any] = {"decision": "rejected" if reason else decision, "rating": rating, "note": said}
    sent = DecisionRequest(uuid=uuid, output_id=output_id, revision=revision, **given)
    try:
        record(resources(request), person, sent)
    except ReviewConflictError:
        failed = "someone decided on this picture since you opened the page; look at it and decide again"
        return output_page(request, person, output_id, status=409, typed=note, failed=failed)
    return redirect(f"/outputs/{output_id}", f"{DECIDED[sent.decision]}.")
