"""Subjects: references, masks and what depends on them; a better mask is a new version."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.masks import read_mask
from deploy.dashboard.pages import page, sentences, told
from deploy.dashboard.resources import resources
from deploy.dashboard.security.access import Needs, Person
from storage.catalog import views, writes
from storage.catalog.records import CatalogError
from storage.keeping import keeping

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
Operator = Annotated[Person, Depends(Needs("operator"))]
PAGE = 60


@router.get("/subjects")
def subjects(request: Request, person: Viewer, after: int | None = None) -> Response:
    """Everybody whom pictures show."""
    with resources(request).catalog.read() as s:
        shown = views.subjects_page(s, after=after, limit=PAGE)
    return page(request, "subjects.html", person, shown=shown, more=shown[-1].id if len(shown) == PAGE else None)


@router.get("/subjects/{subject_id:int}")
def subject(subject_id: int, request: Request, person: Viewer) -> Response:
    """One of them."""
    with resources(request).catalog.read() as s:
        one = views.subject(s, subject_id)
        warnings = views.warnings_of_subject(s, subject_id)
    return page(request, "subject.html", person, one=one, warnings=sentences(warnings))


@router.post("/subjects/{subject_id:int}/references/{reference_id:int}/mask")
def new_mask(subject_id: int, reference_id: int, request: Request, person: Operator, mask: UploadFile) -> Response:
    """A new version of the mask, read, checked against the reference's size and encoded anew."""
    known = resources(request)
    with known.catalog.read() as s:
        one = views.subject(s, subject_id)
    reference = next((ref for ref in one.references if ref.id == reference_id), None)
    if reference is None:
        raise CatalogError(f"reference {reference_id} is not one of {one.name}; reload the page")
    data = mask.file.read(known.settings.max_upload + 1)
    if len(data) > known.settings.max_upload:
        raise CatalogError(f"mask: more than {known.settings.max_upload} bytes; send a smaller file")
    png = read_mask(data, (reference.width, reference.height))
    before = next((one for one in reference.masks if one.current), None)
    with keeping(known.catalog, known.store, (png, "image/png")) as (s, [sha256]):
        mask_id = writes.add_mask(
            s, reference_id=reference_id, mask_sha256=sha256, method="given", confidence=1.0, doubtful=False
        )
        old = {} if before is None else {"mask": before.sha256, "version": before.version}
        if before is not None and before.id != mask_id:
            writes.record_event(s, "mask", before.id, "superseded", actor=person.name, by=mask_id)
        writes.record_audit(
            s,
            actor=person.name,
            action="new mask",
            entity="reference",
            entity_id=reference_id,
            before=old,
            after={"mask": sha256, "subject": one.name},
        )
    return told(f"/subjects/{subject_id}", "The new mask is in use.")
