"""Subjects: list, look at one, add one of uploaded images."""

from __future__ import annotations

from contextlib import suppress

from fastapi import Response
from starlette.requests import Request

from deploy.dashboard.api.listed import Cursor, Limit, Listed, listed
from deploy.dashboard.api.models.subjects import NewSubject, Subject, SubjectRow
from deploy.dashboard.api.rights import Reader, Uploader
from deploy.dashboard.api.route import router as routes
from deploy.dashboard.resources import Resources, resources
from deploy.dashboard.uploads import subjects as adding
from storage.catalog import views
from storage.catalog.records import CatalogError
from storage.catalog.views.machines.cursor import cursor as encoded
from storage.catalog.views.machines.cursor import values_of
from storage.objects import ObjectMissingError, get_blob

router = routes("subjects")


@router.get("/subjects")
def subjects(
    request: Request, response: Response, person: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Listed[SubjectRow]:
    """List subjects, the newest first."""
    after = None if cursor is None else int(values_of(cursor, int)[0])
    with resources(request).catalog.read() as s:
        rows = views.subjects_page(s, after=after, limit=limit)
    more = encoded([rows[-1].id]) if len(rows) == limit else None
    return listed(request, response, [SubjectRow.model_validate(one) for one in rows], more)


@router.get("/subjects/{subject_id}")
def subject(subject_id: int, request: Request, person: Reader) -> Subject:
    """Return one subject with its references."""
    return _subject(resources(request), subject_id)


@router.post("/subjects", status_code=201)
def add(sent: NewSubject, request: Request, response: Response, person: Uploader) -> Subject:
    """Add a subject of images that were uploaded before; the mask is found where none is given."""
    known = resources(request)
    about = sent.model_dump(include={"name", "class_word", "style", "caption", "replace", "weight", "project"})
    new = adding.NewSubject.read(about)
    reference = _uploaded(known, person.user_id, "reference", sent.reference)
    mask = None if sent.mask is None else _uploaded(known, person.user_id, "mask", sent.mask)
    further = [_uploaded(known, person.user_id, f"further.{i}", one) for i, one in enumerate(sent.further)]
    subject_id = adding.add_subject(known, new, reference, mask, person.name, further)
    response.headers["Location"] = f"{request.url.path}/{subject_id}"
    return _subject(known, subject_id)


def _uploaded(known: Resources, user_id: int, field: str, sha256: str) -> bytes:
    """Return the bytes of one of the person's uploads: nobody gets at other images by their digest."""
    with known.catalog.read() as s:
        found = views.upload(s, user_id, sha256)
    if found is not None:
        with suppress(ObjectMissingError):
            return get_blob(known.store, sha256)
    raise CatalogError(f"{field}: {sha256[:12]} is no upload of yours, or has expired; POST the image to /uploads")


def _subject(known: Resources, subject_id: int) -> Subject:
    with known.catalog.read() as s:
        return Subject.model_validate(views.subject(s, subject_id))
