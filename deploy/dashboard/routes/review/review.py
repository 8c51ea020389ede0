"""Review: frozen queues, and the data that their page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.culling.arrange import Culling, arrange
from deploy.dashboard.culling.team_model import standings
from deploy.dashboard.gallery_filter import FIELDS, parse_filter, whole_number
from deploy.dashboard.pages import DECIDED, own_address, page, redirect, sentences
from deploy.dashboard.resources import Resources, resources
from storage.catalog import views, writes
from storage.catalog.records import Arrangement, CatalogError, RunWarning
from storage.catalog.views import Filter, OutputDetail
from storage.catalog.writes.review.queues import BULK
from storage.catalog.writes.review.splits import MOST_PARTS

router = APIRouter()
Reviewer = Annotated[Person, Depends(Needs("reviewer"))]
LENGTH = 1000  # outputs of one queue
MAX_TITLE = 120  # characters of a queue's name


@router.get("/review")
def queues(request: Request, person: Reviewer) -> Response:
    """Show the user's queues and the form that starts one."""
    with resources(request).catalog.read() as s:
        queues = [one for one in views.queues_of(s, person.user_id) if BULK not in one.filter]
        mine = [(one, views.progress(s, one, person.name)) for one in queues]
        splits = views.splits_of(s, person.user_id)
        choices, triage = views.choices(s), standings(s)
        counts = {} if mine else views.decisions(s, ["none"])
    asked = _asked(resources(request), person, Filter(decision="none"), stated=False).as_json()
    context: dict[str, Any] = {
        "queues": mine,
        "splits": splits,
        "choices": choices,
        "counts": counts,
        "asked": asked,
        "triage": triage,
    }
    return page(request, "review_queues.html", person, most_parts=MOST_PARTS, link=own_address(request), **context)


@router.post("/review")
async def start(request: Request, person: Reviewer) -> Response:
    """Freeze the current matches of the filter, in its order, and open the queue; `parts` splits them among people."""
    form = await request.form()
    asked = parse_filter({name: form.get(name) for name in FIELDS})
    known = resources(request)
    asked = _asked(known, person, asked, stated="waits_for" in form)
    named = str(form.get("title") or "").strip()[:MAX_TITLE]
    parts = whole_number("parts", form.get("parts") or 1)
    if parts > 1 and asked.waits_for:  # whoever takes a part passes over what does not wait for that person
        asked = replace(asked, waits_for=None, decision="none")
    culled = Culling(stacks="stacks" in form, triage="triage" in form)
    return RedirectResponse(await run_in_threadpool(_freeze, known, person, asked, named, parts, culled), 303)


def _asked(known: Resources, person: Person, asked: Filter, *, stated: bool) -> Filter:
    """Return a filter of undecided images as one of those that wait for the person, where two have to approve.

    `stated`: the form says for whom, or that it does not matter.
    """
    default = known.settings.approvals > 1 and asked.decision == "none" and not stated
    return replace(asked, waits_for=person.name) if default else asked


def _freeze(known: Resources, person: Person, asked: Filter, named: str, parts: int, culled: Culling) -> str:
    """Freeze the matches as a queue, or as several for several people; return the path of its page."""
    found, _ = collect(known, asked, LENGTH * min(max(parts, 1), MOST_PARTS))
    arranged = arrange(known.catalog, found, asked.metric, culled)
    with known.catalog.read() as s:
        title = named or title_of(asked, views.choices(s))
    with known.catalog.write() as s:
        if parts == 1:
            return f"/review/{store_queue(s, person, title, asked.as_json(), arranged)}"
        of: dict[str, Any] = {"user_id": person.user_id, "title": title, "filter": asked.as_json()}
        split_id = writes.add_split(s, arranged=arranged, parts=parts, **of)
        record_split(s, person, "split queue", split_id, outputs=len(found), parts=parts, filter=asked.as_json())
        return f"/review/splits/{split_id}"


def record_split(s: Session, person: Person, action: str, split_id: str, **after: Any) -> None:
    """Record in the audit what a person did with a split."""
    writes.record_audit(s, actor=person.name, action=action, entity="split", entity_id=split_id, after=after)


def store_queue(
    s: Session,
    person: Person,
    title: str,
    filter: Mapping[str, Any],
    arranged: Arrangement,
    revisions: Sequence[int] = (),
) -> str:
    """Store a new queue of the user, record it in the audit, and return its id."""
    given: dict[str, Any] = {"title": title, "filter": filter}
    queue_id = writes.add_queue(s, user_id=person.user_id, arranged=arranged, revisions=revisions, **given)
    after: dict[str, Any] = {"outputs": len(arranged.pictures), "filter": dict(filter)}
    after |= {"stacks": len(arranged.stacks)} if arranged.stacks else {}
    after |= {"hidden": len(arranged.hidden)} if arranged.hidden else {}
    writes.record_audit(s, actor=person.name, action="freeze queue", entity="queue", entity_id=queue_id, after=after)
    return queue_id


def collect(known: Resources, asked: Filter, most: int) -> tuple[list[int], list[int]]:
    """Collect ids and revisions of at most `most` matches of the filter."""
    ids: list[int] = []
    revisions: list[int] = []
    after: str | None = None
    with known.catalog.read() as s:
        while len(ids) < most:
            shown = views.gallery_page(s, asked, after=after, limit=min(300, most - len(ids)))
            ids += [row.output_id for row in shown.rows]
            revisions += [row.revision for row in shown.rows]
            after = shown.next
            if after is None:
                break
    return ids, revisions


def title_of(asked: Filter, choices: views.Choices) -> str:
    """Describe the filter in words."""
    given = asked.as_json()
    names = dict(choices.subjects)
    if "subject_id" in given:
        given["subject"] = names.get(given.pop("subject_id"), "?")
    if "decision" in given:
        given = {"": DECIDED[given.pop("decision")].lower(), **given}
    words = [f"{name.removesuffix('_id').replace('_', ' ')} {value}".strip() for name, value in given.items()]
    return ", ".join(words) or "everything, newest first"


@router.get("/review/{queue_id}")
def review(queue_id: str, request: Request, person: Reviewer) -> Response:
    """Show the review page, which fetches its items in batches; it goes on where the person left the queue."""
    known = resources(request)
    with known.catalog.read() as s:
        queue = open_to(views.queue(s, queue_id), person)
        resume = views.progress(s, queue, person.name).resume
        preferences = views.preferences(s, person.user_id)
    if queue.shared and queue.user_id != person.user_id and not known.catalog.read_only:
        with known.catalog.write() as s:
            writes.open_queue(s, queue_id, person.user_id)
    needed, skips = known.settings.approvals, views.skips_decided(queue)
    return page(
        request,
        "review.html",
        person,
        queue=queue,
        needed=needed,
        resume=resume,
        skips=skips,
        reasons=known.settings.reasons,
        preferences=preferences,
    )


@router.post("/review/{queue_id}/share")
def share(queue_id: str, request: Request, person: Reviewer, stop: Annotated[str, Form()] = "") -> Response:
    """Let other reviewers open the queue by its link, or with `stop` no longer."""
    return _change(request, person, queue_id, "stop sharing queue" if stop else "share queue", shared=not stop)


@router.post("/review/{queue_id}/delete")
def delete(queue_id: str, request: Request, person: Reviewer) -> Response:
    """Delete a queue of one's own; the decisions stay."""
    return _change(request, person, queue_id, "delete queue", shared=None)


def _change(request: Request, person: Person, queue_id: str, action: str, *, shared: bool | None) -> Response:
    known = resources(request)
    with known.catalog.write() as s:
        queue = views.queue(s, queue_id)
        if queue.user_id != person.user_id or queue.split_id is not None or BULK in queue.filter:
            raise CatalogError("this review queue is not yours to share or to delete; start your own from the gallery")
        if shared is None:
            writes.delete_queues(s, [queue_id])
        else:
            writes.share_queue(s, queue_id, shared=shared)
        writes.record_audit(s, actor=person.name, action=action, entity="queue", entity_id=queue_id)
    said = {True: "Shared: whoever reviews here and has the link can open it.", False: "No longer shared."}
    return redirect("/review", "Deleted; the decisions stay." if shared is None else said[shared])


@router.get("/api/queues/{queue_id}/progress")
def tally(queue_id: str, request: Request, person: Reviewer) -> dict[str, Any]:
    """Return the queue's images by decision, how many wait for this person, and the position of the first of them."""
    with resources(request).catalog.read() as s:
        found = views.progress(s, open_to(views.queue(s, queue_id), person), person.name)
    return {"tally": found.tally, "waiting": len(found.waiting), "first": next(iter(found.waiting), None)}


def open_to(queue: views.Queue, person: Person) -> views.Queue:
    """Return the queue. Raises CatalogError unless it is open to this person."""
    if not queue.is_open_to(person.user_id):
        raise CatalogError("this review queue belongs to another user, who can share it; or start your own")
    return queue


@router.get("/api/queues/{queue_id}/items")
def items(
    queue_id: str,
    request: Request,
    person: Reviewer,
    start: Annotated[int, Query(ge=0)] = 0,
    count: Annotated[int, Query(ge=1, le=50)] = 12,
) -> dict[str, Any]:
    """Return `count` outputs of the queue from position `start`, in their current state; null if one is gone."""
    with resources(request).catalog.read() as s:
        queue = open_to(views.queue(s, queue_id), person)
        places = queue.output_ids[start : start + count]
        ids = [one for first in places for one in (first, *queue.stacks.get(first, ()))]
        found = views.outputs(s, ids, subject_id=queue.filter.get("subject_id"))
        warned = views.warnings_of_outputs(s, [one.output_id for one in found])
        waiting, tops = views.waiting_for(s, ids, person.name), set(places)
        siblings = {one.output_id: views.sibling(s, one) for one in found if one.output_id in tops}
        shown = {
            one.output_id: _item(one, siblings.get(one.output_id), warned.get(one.output_id, ()))
            | {"waits": one.output_id in waiting}
            for one in found
        }
    items = [_place(shown, first, queue.stacks.get(first, ())) for first in places]
    return {"total": len(queue.output_ids), "start": start, "items": items}


def _place(shown: Mapping[int, dict[str, Any]], first: int, others: Sequence[int]) -> dict[str, Any] | None:
    """Return what stands at one place: a picture, with the others of its `stack`; None if all of them are gone.

    If the top is gone, the next one of its stack is on top.
    """
    there = [shown[one] for one in (first, *others) if one in shown]
    return there[0] | {"stack": there[1:]} if there else None


def _item(one: OutputDetail, sibling: tuple[int, str] | None, warnings: Sequence[RunWarning]) -> dict[str, Any]:
    names = ("output_id", "subject_id", "subject", "prompt", "seed", "revision", "decision", "rating", "approvals")
    shown = {name: getattr(one, name) for name in names}
    shown["subjects"] = [link.name for link in one.subjects]
    shown |= {"earlier_reference": one.earlier_reference}
    shown |= {"picture": f"/pictures/{one.image_sha256}", "preview": f"/previews/{one.image_sha256}"}
    shown |= {"thumb": f"/thumbs/{one.image_sha256}.webp", "scores": dict(one.scores), "newer_mask": one.newer_mask}
    shown["warnings"] = sentences(warnings)
    shown["there"] = one.state == "generated"
    shown["reference"] = f"/pictures/{one.reference_sha256}"
    shown["further"] = [{"thumb": f"/thumbs/{ref.sha256}.webp", "caption": ref.caption} for ref in one.further]
    shown["mask"] = None if one.mask_sha256 is None else f"/pictures/{one.mask_sha256}"
    shown["sibling"] = None if sibling is None else {"id": sibling[0], "thumb": f"/thumbs/{sibling[1]}.webp"}
    return shown
