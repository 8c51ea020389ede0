"""A review that is split among people: its link, who took which part, and how far each has come."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.gallery_filter import parse_filter
from deploy.dashboard.pages import own_address, page, redirect
from deploy.dashboard.resources import resources
from deploy.dashboard.routes.review.review import LENGTH, collect, record_split
from storage.catalog import views, writes
from storage.catalog.records import CatalogError

router = APIRouter()
Reviewer = Annotated[Person, Depends(Needs("reviewer"))]


@router.get("/review/splits/{split_id}")
def split(split_id: str, request: Request, person: Reviewer) -> Response:
    """Show the parts with their people and progress; whoever has this link can take a free one."""
    with resources(request).catalog.read() as s:
        shown = views.split(s, split_id)
        tallies = [views.tally(s, part.queue.pictures) for part in shown.parts]
    free = sum(part.holder is None for part in shown.parts)
    context: dict[str, Any] = {"split": shown, "tallies": tallies, "free": free, "mine": shown.part_of(person.user_id)}
    return page(request, "split.html", person, link=own_address(request), **context)


@router.post("/review/splits/{split_id}/take")
def take(split_id: str, request: Request, person: Reviewer) -> Response:
    """Give the person a free part, or the one that is the person's already, and open it."""
    with resources(request).catalog.write() as s:
        queue_id = writes.take_part(s, split_id, person.user_id)
        record_split(s, person, "take part", split_id, queue=queue_id)
    return RedirectResponse(f"/review/{queue_id}", 303)


@router.post("/review/splits/{split_id}/parts/{number:int}/free")
def free(split_id: str, number: int, request: Request, person: Reviewer) -> Response:
    """Free a part for someone else: one's own, or any of a split that one made."""
    with resources(request).catalog.write() as s:
        shown = views.split(s, split_id)
        mine = shown.part_of(person.user_id)
        if mine is None or mine.number != number:
            _own(shown, person)
        writes.free_part(s, split_id, number)
        record_split(s, person, "free part", split_id, part=number)
    return redirect(f"/review/splits/{split_id}", f"Part {number} is free; its decisions stay.")


@router.post("/review/splits/{split_id}/new")
def extend(split_id: str, request: Request, person: Reviewer) -> Response:
    """Append what matches the filter by now; nothing that is in a part moves."""
    known = resources(request)
    with known.catalog.read() as s:
        shown = _own(views.split(s, split_id), person)
    found, _ = collect(known, parse_filter(shown.filter), LENGTH * len(shown.parts))

    def work(s: Session) -> int:
        added = writes.extend_split(s, split_id, found)
        record_split(s, person, "extend split", split_id, added=added)
        return added

    added = known.catalog.transact(work)
    return redirect(f"/review/splits/{split_id}", f"{added} new picture{'' if added == 1 else 's'} dealt out.")


def _own(split: views.Split, person: Person) -> views.Split:
    if split.user_id != person.user_id:
        raise CatalogError(f"{split.user} split this review, who alone can change its parts")
    return split
