"""Captions and control images of references: write or upload one, state that there is none, use an older one again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.eyes.backends import MASK
from deploy.dashboard.pages import kind_name, redirect
from deploy.dashboard.resources import resources
from deploy.dashboard.routes.subjects.reference import audit_change, check_seen, reference_of
from deploy.dashboard.routes.subjects.subjects import subject_page
from deploy.dashboard.uploads.control_images import check_kind, read_control_image
from deploy.dashboard.uploads.subjects import MAX_CAPTION
from storage.catalog import writes
from storage.catalog.records import CAPTION, CatalogError, VersionConflictError
from storage.ingest import storing

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]
Seen = Annotated[int | None, Form()]
PERSON = "user"
"""The method of what a person gave."""


@router.post("/subjects/{subject_id:int}/references/{reference_id:int}/caption")
def new_caption(
    subject_id: int,
    reference_id: int,
    request: Request,
    person: Operator,
    text: Annotated[str, Form()] = "",
    seen: Seen = None,
) -> Response:
    """Use a caption that a person wrote; what was typed comes back with the reason if it cannot be used."""
    known = resources(request)
    one, reference = reference_of(known, subject_id, reference_id)
    try:
        line = read_caption(text)
        with known.catalog.write() as s:
            check_seen(s, reference, CAPTION, seen)
            given: dict[str, Any] = {"kind": CAPTION, "text": line, "method": PERSON}
            writes.add_annotation(s, reference_id=reference_id, given="dashboard", giver=person.name, **given)
            audit_change(s, person, "new caption", one, reference, CAPTION, {CAPTION: line})
    except CatalogError as error:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        status = 409 if isinstance(error, VersionConflictError) else 400
        why = str(error)
        return subject_page(request, person, subject_id, status=status, typed=text, failed=why, failed_at=reference_id)
    return redirect(f"/subjects/{subject_id}", "The new caption is in use.")


def read_caption(text: str) -> str:
    """Return a caption on one line. Raises CatalogError unless it has 1 to MAX_CAPTION characters."""
    line = " ".join(text.split())
    if not 0 < len(line) <= MAX_CAPTION:
        raise CatalogError(f"caption: {len(line)} characters; write 1 to {MAX_CAPTION}")
    return line


@router.post("/subjects/{subject_id:int}/references/{reference_id:int}/controls")
def new_control_image(
    subject_id: int,
    reference_id: int,
    request: Request,
    person: Operator,
    kind: Annotated[str, Form()],
    image: UploadFile,
    seen: Seen = None,
) -> Response:
    """Use an uploaded control image of the reference, after checking its size and its look and re-encoding it."""
    known, kind = resources(request), _control(kind)
    one, reference = reference_of(known, subject_id, reference_id)
    data = image.file.read(known.settings.max_upload + 1)
    if len(data) > known.settings.max_upload:
        raise CatalogError(f"{kind}: more than {known.settings.max_upload} bytes; send a smaller file")
    png = read_control_image(data, kind, (reference.width, reference.height))
    with storing(known.catalog, known.store, (png, "image/png")) as (s, [sha256]):
        check_seen(s, reference, kind, seen)
        given: dict[str, Any] = {"kind": kind, "image_sha256": sha256, "method": PERSON}
        writes.add_annotation(s, reference_id=reference_id, given="dashboard", giver=person.name, **given)
        audit_change(s, person, f"new {kind}", one, reference, kind, {kind: sha256})
    return redirect(f"/subjects/{subject_id}", f"{kind_name(kind)}: the new image is in use.")


@router.post("/subjects/{subject_id:int}/references/{reference_id:int}/controls/none")
def no_control_image(
    subject_id: int,
    reference_id: int,
    request: Request,
    person: Operator,
    kind: Annotated[str, Form()],
    seen: Seen = None,
) -> Response:
    """State that the reference has none of a kind; detection does not bring one back unless a person requests it."""
    known, kind = resources(request), _control(kind)
    one, reference = reference_of(known, subject_id, reference_id)
    with known.catalog.write() as s:
        check_seen(s, reference, kind, seen)
        given: dict[str, Any] = {"kind": kind, "method": PERSON}
        writes.add_annotation(s, reference_id=reference_id, given="dashboard", giver=person.name, **given)
        audit_change(s, person, f"no {kind}", one, reference, kind, {kind: None})
    return redirect(f"/subjects/{subject_id}", f"{kind_name(kind)}: none, as you said. Earlier versions are kept.")


@router.post("/subjects/{subject_id:int}/references/{reference_id:int}/annotations/{annotation_id:int}/use")
def use_annotation(
    subject_id: int,
    reference_id: int,
    annotation_id: int,
    request: Request,
    person: Operator,
    seen: Seen = None,
) -> Response:
    """Use an older version again; it then counts as provided by this user."""
    known = resources(request)
    one, reference = reference_of(known, subject_id, reference_id)
    older = next((note for note in reference.annotations if note.id == annotation_id), None)
    if older is None:
        raise CatalogError(f"annotation {annotation_id} is not one of this reference; reload the page")
    kind, content = older.kind, older.image_sha256 if older.text is None else older.text
    with known.catalog.write() as s:
        check_seen(s, reference, kind, seen)
        writes.add_annotation(
            s,
            reference_id=reference_id,
            kind=kind,
            method=older.method,
            text=older.text,
            image_sha256=older.image_sha256,
            words=older.words,
            confidence=older.confidence,
            licence=older.licence,
            notes=older.notes,
            given="dashboard",
            giver=person.name,
        )
        audit_change(s, person, f"use {kind}", one, reference, kind, {kind: content, "version": older.version})
    return redirect(f"/subjects/{subject_id}", f"{kind_name(kind)}: version {older.version} is in use.")


def _control(kind: str) -> str:
    if kind in (MASK, CAPTION):
        raise CatalogError(f"kind: {kind} is no kind of control image; it has a form of its own")
    return check_kind(kind)
