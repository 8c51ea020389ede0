"""Reviews: decisions of the token's owner, under the same rules as on the review page."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from deploy.dashboard.api.models.outputs import NewReview, Reviewed
from deploy.dashboard.api.once import made_id
from deploy.dashboard.api.rights import Reviewer
from deploy.dashboard.api.route import router as routes
from deploy.dashboard.resources import resources
from deploy.dashboard.routes.review.decisions import DecisionRequest, record
from storage.catalog import views
from storage.catalog.records import CatalogError

router = routes("reviews")


@router.post("/reviews", status_code=201)
def decide(sent: NewReview, request: Request, person: Reviewer) -> Reviewed:
    """Decide on an image; 409 with the present revision if somebody did meanwhile, or the image was made anew."""
    known = resources(request)
    if sent.decision is None and not sent.undo:
        raise CatalogError("decision: not given; use approved, rejected, flagged or none, or undo")
    if sent.reason and sent.decision != "rejected":
        raise CatalogError("reason: only a rejection has one; leave it out, or write a note")
    if sent.reason and sent.reason not in known.settings.reasons:
        raise CatalogError(f"reason: {sent.reason!r} is none of the team's; use {', '.join(known.settings.reasons)}")
    about: dict[str, Any] = {"output_id": sent.output_id, "revision": sent.revision, "rating": sent.rating}
    about |= {"note": ": ".join(one for one in (sent.reason, sent.note.strip()) if one), "undo": sent.undo}
    decided = DecisionRequest(uuid=made_id(request).hex, decision=sent.decision or "none", **about)
    done = record(known, person, decided)
    with known.catalog.read() as s:
        now = views.output(s, sent.output_id)
    state = {name: getattr(now, name) for name in ("decision", "rating", "approvals")}
    return Reviewed(output_id=sent.output_id, revision=done.revision, needed=known.settings.approvals, **state)
