"""Forget: permanently delete a subject, a picture or a run, after a page that lists what is deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page, redirect
from deploy.dashboard.resources import Resources, resources
from storage.catalog import views, writes
from storage.catalog.records import CatalogError
from storage.run_files import remove_files

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]


@router.get("/subjects/{subject_id:int}/forget")
def subject(subject_id: int, request: Request, person: Operator) -> Response:
    """Show what is deleted with a subject; its name must be typed to confirm."""
    with resources(request).catalog.read() as s:
        one = views.subject(s, subject_id)
        pictures = views.count(s, views.Filter(subject_id=subject_id))
    what, back = f"Forget {one.name}?", f"/subjects/{subject_id}"
    return page(
        request, "forget.html", person, what=what, name=one.name, back=back, kind="subject", one=one, pictures=pictures
    )


@router.get("/outputs/{output_id:int}/forget")
def output(output_id: int, request: Request, person: Operator) -> Response:
    """Show what is deleted with a picture."""
    with resources(request).catalog.read() as s:
        one, reviews = views.output(s, output_id), views.reviews_of(s, output_id)
        edits = views.edits_of(s, output_id)
    what, back = f"Forget output {output_id}?", f"/outputs/{output_id}"
    return page(
        request,
        "forget.html",
        person,
        what=what,
        name="",
        back=back,
        kind="output",
        one=one,
        reviews=reviews,
        edits=edits,
    )


@router.get("/runs/{run_id}/forget")
def run(run_id: str, request: Request, person: Operator) -> Response:
    """Show what is deleted with a run."""
    with resources(request).catalog.read() as s:
        one = views.run_deletion(s, run_id)
    what, back = f"Forget run {one.name}?", "/"
    return page(request, "forget.html", person, what=what, name="", back=back, kind="run", one=one)


@router.post("/subjects/{subject_id:int}/forget")
async def forget_subject(subject_id: int, request: Request, person: Operator) -> Response:
    """Delete the subject. Raises CatalogError unless its name was typed, or while work on it is in progress."""
    typed = str((await request.form()).get("typed") or "")
    return await run_in_threadpool(_subject, subject_id, request, person, typed)


def _subject(subject_id: int, request: Request, person: Person, typed: str) -> Response:
    known = resources(request)
    with known.catalog.read() as s:
        name = views.subject(s, subject_id).name
    if typed.strip() != name:
        raise CatalogError("the typed name does not match the subject; nothing was deleted")
    done = _forget(known, lambda s: writes.forget_subject(s, name, actor=person.name))
    stay = f"; {done.shared} are kept as pictures of {' and '.join(done.shared_with)}" if done.shared else ""
    return redirect("/subjects", f"Deleted: {done.outputs} pictures and everything else of the subject{stay}.")


@router.post("/outputs/{output_id:int}/forget")
def forget_output(output_id: int, request: Request, person: Operator) -> Response:
    """Delete the picture. Raises CatalogError while a run that requested it is in progress."""
    done = _forget(resources(request), lambda s: writes.forget_output(s, output_id, actor=person.name))
    edits = done.outputs - 1
    more = f", with {edits} {'edit' if edits == 1 else 'edits'} of it" if edits > 0 else ""
    return redirect("/outputs", f"Output {output_id} deleted{more}.")


@router.post("/runs/{run_id}/forget")
def forget_run(run_id: str, request: Request, person: Operator) -> Response:
    """Delete the run and the pictures that no other run requested. Raises CatalogError while it is in progress."""
    done = _forget(resources(request), lambda s: writes.forget_run(s, run_id, actor=person.name))
    return redirect("/", f"Run deleted, with {done.outputs} pictures.")


def _forget(known: Resources, work: Callable[[Session], writes.Erased]) -> writes.Erased:
    done = known.catalog.transact(work)
    if known.settings.home is not None:
        remove_files(known.settings.home, [*done.runs, *done.runs_gone], done.trainings)
    return done
