"""Detection again, by a backend that a person chooses: maskers without a model run here, all others on a worker."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard import flow_parameters
from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.eyes.backends import MASK, backend_of
from deploy.dashboard.pages import kind_name, redirect
from deploy.dashboard.resources import Resources, resources
from deploy.dashboard.routes.subjects.reference import audit_change, reference_of
from deploy.dashboard.uploads.references import detect_mask, licence_of_mask
from storage.catalog import writes
from storage.catalog.views import ReferenceView, SubjectDetail
from storage.ingest import storing

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]


@router.post("/subjects/{subject_id:int}/references/{reference_id:int}/{kind}/found")
def find(
    subject_id: int,
    reference_id: int,
    kind: str,
    request: Request,
    person: Operator,
    backend: Annotated[str, Form()] = "",
) -> Response:
    """Detect a mask, a caption or a control image again, even if someone provided one before.

    `backend`: its name; "": the masker of the dashboard's settings.
    """
    known = resources(request)
    one, reference = reference_of(known, subject_id, reference_id)
    chosen = backend_of(kind, backend or known.settings.masker)
    if chosen.here(kind, known.takes_orders(flow_parameters.INGEST)):
        _find_mask(known, person, one, reference, backend or None)
        said = "The mask was detected again and is in use."
    else:
        _order(known, person, one, kind, chosen.name)
        said = f"{kind_name(kind)}: {chosen.name} is requested; a worker finds it, and it is then in use."
    return redirect(f"/subjects/{subject_id}", said)


def _find_mask(
    known: Resources, person: Person, one: SubjectDetail, reference: ReferenceView, masker: str | None
) -> None:
    cut, png = detect_mask(known, reference.sha256, style=one.style, masker=masker)
    with storing(known.catalog, known.store, (png, "image/png")) as (s, [sha256]):
        writes.add_mask(
            s,
            reference_id=reference.id,
            mask_sha256=sha256,
            method=cut.method,
            confidence=cut.confidence,
            doubtful=cut.doubtful,
            warnings=cut.warnings,
            licence=licence_of_mask(cut.method),
            giver=person.name,
            requested=True,
            insist=True,
        )
        audit_change(s, person, "find mask", one, reference, MASK, {"mask": sha256})


def _order(known: Resources, person: Person, one: SubjectDetail, kind: str, backend: str) -> None:
    given = flow_parameters.detection_parameters(one.name, kind, backend)
    flow_run_id = known.prefect.start(flow_parameters.INGEST, given)
    with known.catalog.write() as s:
        after = {"deployment": flow_parameters.INGEST, "parameters": given}
        writes.record_audit(
            s, actor=person.name, action="start flow", entity="flow run", entity_id=flow_run_id, after=after
        )
