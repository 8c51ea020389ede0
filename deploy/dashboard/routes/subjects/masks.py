"""Masks of references: upload a new version, use an older one again, or see what another masker offers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.eyes.backends import MASK
from deploy.dashboard.eyes.offers import offer_of
from deploy.dashboard.pages import page, redirect
from deploy.dashboard.resources import resources
from deploy.dashboard.routes.subjects.reference import audit_change, check_seen, reference_of
from deploy.dashboard.uploads.masks import read_mask
from deploy.dashboard.uploads.references import assess_mask, stored_picture
from storage.catalog import writes
from storage.catalog.records import CatalogError
from storage.ingest import storing

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]
Seen = Annotated[int | None, Form()]


@router.post("/subjects/{subject_id:int}/references/{reference_id:int}/mask")
def new_mask(
    subject_id: int, reference_id: int, request: Request, person: Operator, mask: UploadFile, seen: Seen = None
) -> Response:
    """Add an uploaded mask as a new version, after checking its size and re-encoding it."""
    known = resources(request)
    one, reference = reference_of(known, subject_id, reference_id)
    data = mask.file.read(known.settings.max_upload + 1)
    if len(data) > known.settings.max_upload:
        raise CatalogError(f"mask: more than {known.settings.max_upload} bytes; send a smaller file")
    png = read_mask(data, (reference.width, reference.height))
    cut = assess_mask(png, stored_picture(known, reference.sha256)[0])
    with storing(known.catalog, known.store, (png, "image/png")) as (s, [sha256]):
        check_seen(s, reference, MASK, seen)
        writes.add_mask(
            s,
            reference_id=reference_id,
            mask_sha256=sha256,
            method="given",
            confidence=cut.confidence,
            doubtful=cut.doubtful,
            warnings=cut.warnings,
            giver=person.name,
        )
        audit_change(s, person, "new mask", one, reference, MASK, {"mask": sha256})
    doubt = f" Check it: {cut.warnings[0]}." if cut.warnings else ""
    return redirect(f"/subjects/{subject_id}", f"The new mask is in use.{doubt}")


@router.get("/subjects/{subject_id:int}/references/{reference_id:int}/mask/offer")
def offer(subject_id: int, reference_id: int, request: Request, person: Operator) -> Response:
    """Render a button for the mask that another masker would find today; nothing if there is none."""
    known = resources(request)
    one, reference = reference_of(known, subject_id, reference_id)
    base = f"/subjects/{subject_id}/references/{reference_id}"
    return page(request, "_offer.html", person, offer=offer_of(known, reference, one.style), base=base)


@router.post("/subjects/{subject_id:int}/references/{reference_id:int}/masks/{mask_id:int}/use")
def use_mask(
    subject_id: int, reference_id: int, mask_id: int, request: Request, person: Operator, seen: Seen = None
) -> Response:
    """Use an older version again; it then counts as provided by this user."""
    known = resources(request)
    one, reference = reference_of(known, subject_id, reference_id)
    mask = next((mask for mask in reference.masks if mask.id == mask_id), None)
    if mask is None:
        raise CatalogError(f"mask {mask_id} is not one of this reference; reload the page")
    with known.catalog.write() as s:
        check_seen(s, reference, MASK, seen)
        writes.add_mask(
            s,
            reference_id=reference_id,
            mask_sha256=mask.sha256,
            method=mask.method,
            confidence=mask.confidence,
            doubtful=mask.doubtful,
            given="dashboard",
            giver=person.name,
        )
        audit_change(s, person, "use mask", one, reference, MASK, {"mask": mask.sha256, "version": mask.version})
    return redirect(f"/subjects/{subject_id}", f"Version {mask.version} of the mask is in use.")
