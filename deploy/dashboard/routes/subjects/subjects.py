"""Subjects with their references, masks and dependents; new ones are uploaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard import flow_parameters
from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.eyes.backends import kinds_with_backends
from deploy.dashboard.eyes.findings import findings
from deploy.dashboard.pages import page, redirect, sentences
from deploy.dashboard.resources import resources
from deploy.dashboard.uploads.subjects import REPLACE, NewSubject, add_subject
from storage.catalog import views
from storage.catalog.records import CatalogError

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
Operator = Annotated[Person, Depends(Needs("operator"))]
PAGE = 60
_IN_SPEC = re.compile(r"^subjects\[\d+\]\.?")


@router.get("/subjects")
def subjects(request: Request, person: Viewer, after: int | None = None) -> Response:
    """Show all subjects."""
    return _page(request, person, after)


def _page(
    request: Request,
    person: Person,
    after: int | None = None,
    *,
    given: Mapping[str, str] = MappingProxyType({}),
    failed: str = "",
) -> Response:
    """Render the list and the form of a new subject; `failed` is the error for the values `given` there."""
    with resources(request).catalog.read() as s:
        shown, projects = views.subjects_page(s, after=after, limit=PAGE), views.projects(s)
    field, colon, _ = failed.partition(": ")
    return page(
        request,
        "subjects.html",
        person,
        status=400 if failed else 200,
        shown=shown,
        projects=projects,
        more=shown[-1].id if len(shown) == PAGE else None,
        replace=REPLACE,
        given=given,
        failed=failed,
        field=field.replace(" ", "_") if colon else "name",
    )


@router.get("/subjects/{subject_id:int}")
def subject(subject_id: int, request: Request, person: Viewer) -> Response:
    """Show one subject."""
    return subject_page(request, person, subject_id)


def subject_page(
    request: Request,
    person: Person,
    subject_id: int,
    *,
    status: int = 200,
    typed: str = "",
    failed: str = "",
    failed_at: int | None = None,
) -> Response:
    """Render a subject with all that is known of its references.

    `failed`: why the caption `typed` of the reference `failed_at` was not stored.
    """
    known = resources(request)
    with known.catalog.read() as s:
        one = views.subject(s, subject_id)
        warnings = views.warnings_of_subject(s, subject_id)
        project = views.projects_of_subjects(s, [one.name]).get(one.name)
    # its index in a spec is meaningless on its own page
    said = sentences([replace(one, place=_IN_SPEC.sub("", one.place)) for one in warnings])
    more = kinds_with_backends()
    return page(
        request,
        "subject.html",
        person,
        status=status,
        one=one,
        project=project,
        warnings=said,
        known=[(ref, findings(ref, more=() if ref.place is None else more)) for ref in one.references],
        orders=known.takes_orders(flow_parameters.INGEST),
        masker=known.settings.masker,
        typed=typed,
        failed=failed,
        failed_at=failed_at,
    )


@router.post("/subjects")
async def new_subject(request: Request, person: Operator) -> Response:
    """Add a subject with its reference and, if provided, its mask."""
    form = await request.form()
    try:
        return await run_in_threadpool(_add, request, person, form)
    except CatalogError as error:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        given = {name: value for name, value in form.items() if isinstance(value, str)}
        return await run_in_threadpool(partial(_page, request, person, given=given, failed=str(error)))


def _add(request: Request, person: Person, form: FormData) -> Response:
    new, most = NewSubject.read(form), resources(request).settings.max_upload
    reference, mask = uploaded(form, "reference", most), uploaded(form, "mask", most)
    if reference is None:
        raise CatalogError("reference: choose a PNG, JPEG or WebP file")
    further = [data for one in form.getlist("further") if (data := _read(one, "further", most)) is not None]
    subject_id = add_subject(resources(request), new, reference, mask, person.name, further)
    check = f"the masks of all {1 + len(further)} references" if further else "the mask"
    return redirect(f"/subjects/{subject_id}", f"{new.name} was added. Check {check}.")


def uploaded(form: FormData, field: str, most: int) -> bytes | None:
    """Read the file in a form field; None if none was chosen. Raises CatalogError if it exceeds `most` bytes."""
    return _read(form.get(field), field, most)


def _read(sent: object, field: str, most: int) -> bytes | None:
    if not isinstance(sent, UploadFile) or not sent.filename:
        return None
    data = sent.file.read(most + 1)
    if len(data) > most:
        raise CatalogError(f"{field}: more than {most} bytes; send a smaller file")
    return data
