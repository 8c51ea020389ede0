"""Decisions on a stack of near-duplicates: one for all of its pictures, each of which is reviewed and audited."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.requests import Request

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.resources import resources
from deploy.dashboard.routes.review.decisions import MAX_NOTE, DecisionRequest, store
from dreamtuner.curation.stacks import MOST_STACKED
from storage.catalog import views
from storage.catalog.records import CatalogError, Decision

router = APIRouter()
Reviewer = Annotated[Person, Depends(Needs("reviewer"))]


class SeenPicture(BaseModel):
    """A picture as the reviewer saw it."""

    model_config = ConfigDict(extra="forbid")

    output_id: int
    revision: int


class StackDecision(BaseModel):
    """One decision on several pictures; with `undo` it reverts the one that led to their revisions.

    `output_id` and `revision` are of the picture on top, which is among the `pictures`.
    """

    model_config = ConfigDict(extra="forbid")

    uuid: Annotated[str, Field(min_length=8, max_length=64)]
    output_id: int
    revision: int
    pictures: Annotated[list[SeenPicture], Field(min_length=1, max_length=MOST_STACKED)]
    decision: Decision
    rating: Annotated[int, Field(ge=0, le=5)] = 0
    note: Annotated[str, Field(max_length=MAX_NOTE)] = ""
    undo: bool = False

    def of(self, seen: SeenPicture) -> DecisionRequest:
        """Return the decision on one of the pictures, under a UUID of its own."""
        return DecisionRequest.model_construct(
            uuid=f"{self.uuid}:{seen.output_id}",
            output_id=seen.output_id,
            revision=seen.revision,
            decision=self.decision,
            rating=self.rating,
            note=self.note,
            undo=self.undo,
        )


@router.post("/api/reviews/stack")
def decide_stack(sent: StackDecision, request: Request, person: Reviewer) -> dict[str, Any]:
    """Record one decision on all of these pictures, or on none: 409 if one was reviewed or regenerated since.

    The same uuid is stored once.
    """
    known = resources(request)
    seen = sorted(sent.pictures, key=lambda one: one.output_id)  # in one order for all, to avoid deadlocks
    ids = [one.output_id for one in seen]
    if len(set(ids)) < len(ids) or sent.output_id not in ids:
        raise CatalogError("pictures: name each picture of the stack once, and the one on top among them")

    def work(s: Session) -> None:
        for one in seen:
            store(s, person, sent.of(one), known.settings.approvals, stack=sent.output_id)

    known.catalog.transact(work)
    with known.catalog.read() as s:
        now = views.outputs(s, ids)
    names = ("output_id", "revision", "decision", "rating", "approvals")
    states = [{name: getattr(one, name) for name in names} for one in now]
    top = next(one for one in states if one["output_id"] == sent.output_id)
    return {"uuid": sent.uuid, **top, "pictures": states}
