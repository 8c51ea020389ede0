"""Compare: two to four pictures side by side, zoomed together, with their reference; or two by two, also blind."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page
from deploy.dashboard.resources import resources
from storage.catalog import views, writes
from storage.catalog.records import CatalogError
from storage.catalog.views import OutputDetail, VoteTally

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
Reviewer = Annotated[Person, Depends(Needs("reviewer"))]
MOST, MOST_IN_TURN = 4, 60  # pictures side by side, and one after the other


class VoteRequest(BaseModel):
    """A preference between two outputs as the page sends it."""

    model_config = ConfigDict(extra="forbid")

    uuid: Annotated[str, Field(min_length=8, max_length=64)]
    winner_id: int
    loser_id: int
    tie: bool = False
    blind: bool = False


@router.get("/compare")
def compare(request: Request, person: Viewer, ids: str = "") -> Response:
    """Show the outputs `ids`, two to four numbers separated by commas."""
    with resources(request).catalog.read() as s:
        shown = views.outputs(s, _numbers(ids, MOST))
        runs = views.choices(s).runs
    if ids and len(shown) < 2:
        raise CatalogError(f"ids {ids[:60]!r}: give two to four existing outputs, such as ?ids=3,5")
    return page(request, "compare.html", person, shown=shown, runs=runs)


@router.get("/compare/duel")
def duel(request: Request, person: Reviewer, ids: str = "") -> Response:
    """Show the outputs two by two: the one that is preferred stays and meets the next."""
    with resources(request).catalog.read() as s:
        shown = views.outputs(s, _numbers(ids, MOST_IN_TURN))
    if len(shown) < 2:
        raise CatalogError(f"ids {ids[:60]!r}: give two or more existing outputs, such as ?ids=3,5,8")
    return page(request, "duel.html", person, pictures=[_shown(one) for one in shown], runs=())


@router.get("/compare/blind")
def blind(request: Request, person: Reviewer, first: str = "", second: str = "") -> Response:
    """Show pictures of two runs in pairs of equal subject, prompt, control images and seed, without their names."""
    if first == second:
        raise CatalogError("first, second: choose two different runs")
    with resources(request).catalog.read() as s:
        runs = [views.run(s, one) for one in (first, second)]
        pairs = views.pairs_of_runs(s, first, second)
        if not pairs:
            raise CatalogError("these runs have no picture of the same subject, prompt, pose and seed; choose others")
        found = {one.output_id: _shown(one) for one in views.outputs(s, [one for pair in pairs for one in pair])}
    both = [[found[one] for one in pair] for pair in pairs]
    return page(request, "duel.html", person, pairs=both, runs=[{"id": run.id, "name": run.name} for run in runs])


@router.post("/api/votes")
def vote(sent: VoteRequest, request: Request, person: Reviewer) -> dict[str, Any]:
    """Record a preference; the same uuid is stored once."""
    with resources(request).catalog.write() as s:
        writes.add_vote(s, person=person.name, **sent.model_dump())
        after = sent.model_dump(exclude={"uuid"})
        writes.record_audit(s, actor=person.name, action="vote", entity="output", entity_id=sent.winner_id, after=after)
    return {"uuid": sent.uuid}


@router.get("/api/compare/tally")
def tally(request: Request, person: Reviewer, first: str, second: str) -> dict[str, Any]:
    """Return the blind votes between two runs: this person's, and everyone's."""
    with resources(request).catalog.read() as s:
        mine = views.tally_of_runs(s, first, second, person=person.name)
        everyones = views.tally_of_runs(s, first, second)
    return {"mine": _said(mine), "all": _said(everyones)}


def _said(tally: VoteTally) -> dict[str, Any]:
    return {"first": tally.first, "second": tally.second, "ties": tally.ties, "p": tally.p}


def _numbers(ids: str, most: int) -> list[int]:
    return [int(one) for one in ids[:1000].split(",") if one.strip().isdecimal()][:most]


def _shown(one: OutputDetail) -> dict[str, Any]:
    """Return what the page shows of an output."""
    names = ("output_id", "subject", "prompt", "seed", "revision", "decision", "rating", "image_sha256")
    about = {name: getattr(one, name) for name in names}
    return about | {"reference_sha256": one.reference_sha256, "scores": dict(one.scores)}
