"""Masks of references: upload a new version, use an older one again, or detect one again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, UploadFile
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import redirect
from deploy.dashboard.resources import Resources, resources
from deploy.dashboard.uploads.masks import read_mask
from deploy.dashboard.uploads.references import assess_mask, detect_mask, stored_picture
from storage.catalog import views, writes
from storage.catalog.records import CatalogError
from storage.catalog.views import MaskView, ReferenceView, SubjectDetail
from storage.ingest import storing

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]


@router.post("/subjects/{subject_id:int}/references/{reference_id:int}/mask")
def new_mask(subject_id: int, reference_id: int, request: Request, person: Operator, mask: UploadFile) -> Response:
    """Add an uploaded mask as a new version, after checking its size and re-encoding it."""
    known = resources(request)
    one, reference = _reference(known, subject_id, reference_id)
    data = mask.file.read(known.settings.max_upload + 1)
    if len(data) > known.settings.max_upload:
        raise CatalogError(f"mask: more than {known.settings.max_upload} bytes; send a smaller file")
    png = read_mask(data, (reference.width, reference.height))
    cut = assess_mask(png, stored_picture(known, reference.sha256)[0])
    with storing(known.catalog, known.store, (png, "image/png")) as (s, [sha256]):
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
        _audit(s, person, "new mask", one, reference, {"mask": sha256})
    doubt = f" Check it: {cut.warnings[0]}." if cut.warnings else ""
    return redirect(f"/subjects/{subject_id}", f"The new mask is in use.{doubt}")


@router.post("/subjects/{subject_id:int}/references/{reference_id:int}/mask/found")
def find_mask(subject_id: int, reference_id: int, request: Request, person: Operator) -> Response:
    """Detect the mask again, even if someone provided one before."""
    known = resources(request)
    one, reference = _reference(known, subject_id, reference_id)
    cut, png = detect_mask(known, reference.sha256)
    with storing(known.catalog, known.store, (png, "image/png")) as (s, [sha256]):
        writes.add_mask(
            s,
            reference_id=reference_id,
            mask_sha256=sha256,
            method=cut.method,
            confidence=cut.confidence,
            doubtful=cut.doubtful,
            warnings=cut.warnings,
            giver=person.name,
            requested=True,
            insist=True,
        )
        _audit(s, person, "find mask", one, reference, {"mask": sha256})
    return redirect(f"/subjects/{subject_id}", "The mask was detected again and is in use.")


@router.post("/subjects/{subject_id:int}/references/{reference_id:int}/masks/{mask_id:int}/use")
def use_mask(subject_id: int, reference_id: int, mask_id: int, request: Request, person: Operator) -> Response:
    """Use an older version again; it then counts as provided by this user."""
    known = resources(request)
    one, reference = _reference(known, subject_id, reference_id)
    mask = next((mask for mask in reference.masks if mask.id == mask_id), None)
    if mask is None:
        raise CatalogError(f"mask {mask_id} is not one of this reference; reload the page")
    with known.catalog.write() as s:
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
        _audit(s, person, "use mask", one, reference, {"mask": mask.sha256, "version": mask.version})
    return redirect(f"/subjects/{subject_id}", f"Version {mask.version} of the mask is in use.")


def _reference(known: Resources, subject_id: int, reference_id: int) -> tuple[SubjectDetail, ReferenceView]:
    with known.catalog.read() as s:
        one = views.subject(s, subject_id)
    reference = next((ref for ref in one.references if ref.id == reference_id), None)
    if reference is None:
        raise CatalogError(f"reference {reference_id} is not one of {one.name}; reload the page")
    return one, reference


def _audit(
    s: Session, person: Person, action: str, one: SubjectDetail, reference: ReferenceView, after: dict[str, Any]
) -> None:
    before: MaskView | None = next((mask for mask in reference.masks if mask.current), None)
    writes.record_audit(
        s,
        actor=person.name,
        action=action,
        entity="reference",
        entity_id=reference.id,
        before={} if before is None else {"mask": before.sha256, "version": before.version},
        after=after | {"subject": one.name},
    )
