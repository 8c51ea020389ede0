"""Uploads: images for subjects, sent as they are."""

from __future__ import annotations

import io
from hashlib import sha256 as hashed
from typing import Any

from fastapi import Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from deploy.dashboard.access.rights import Person
from deploy.dashboard.api.listed import Cursor, Limit, Listed, listed
from deploy.dashboard.api.models.subjects import Upload
from deploy.dashboard.api.problems import ProblemError
from deploy.dashboard.api.rights import Uploader
from deploy.dashboard.api.route import router as routes
from deploy.dashboard.resources import Resources, resources
from storage.catalog import views, writes
from storage.catalog.records import CatalogError, NotInCatalogError
from storage.ingest import storing

router = routes("uploads")
TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
IMAGES = {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES}, "required": True}


@router.get("/uploads")
def uploads(
    request: Request, response: Response, person: Uploader, cursor: Cursor = None, limit: Limit = 50
) -> Listed[Upload]:
    """List one's own uploads that have not expired, the newest first."""
    with resources(request).catalog.read() as s:
        page = views.uploads_page(s, person.user_id, after=cursor, limit=limit)
    return listed(request, response, [Upload.model_validate(one) for one in page.rows], page.next)


@router.post("/uploads", status_code=201, openapi_extra={"requestBody": IMAGES})
async def upload(request: Request, person: Uploader) -> Upload:
    """Upload an image: the body is the file, PNG, JPEG or WebP. The same bytes again are the same upload."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in TYPES:
        said = f"Content-Type: {kind[:60] or 'none'!r} is not taken here; send {', '.join(TYPES)}"
        raise ProblemError(415, said, field="Content-Type")
    return await run_in_threadpool(_store, resources(request), person, await request.body(), kind)


def _store(known: Resources, person: Person, data: bytes, kind: str) -> Upload:
    width, height = _size(data, kind, known.settings.max_upload)
    with storing(known.catalog, known.store, (data, kind)) as (s, [sha256]):
        about: dict[str, Any] = {"content_type": kind, "size": len(data), "width": width, "height": height}
        writes.add_upload(s, user_id=person.user_id, sha256=sha256, **about)
        writes.record_audit(s, actor=person.name, action="upload", entity="blob", entity_id=sha256, after=about)
    with known.catalog.read() as s:
        found = views.upload(s, person.user_id, hashed(data).hexdigest())
    if found is None:
        raise NotInCatalogError("the upload has just expired; send it again")
    return Upload.model_validate(found)


def _size(data: bytes, kind: str, most: int) -> tuple[int, int]:
    """Decode an image within the limits of ingestion; its size in pixels. Raises CatalogError."""
    from PIL import Image

    from dreamtuner.preprocess import ImageError, ImageLimits, decode_image

    try:
        image = decode_image(data, limits=ImageLimits(max_bytes=most, min_side=1)).image
        with Image.open(io.BytesIO(data)) as file:
            found = file.format
    except (ImageError, OSError) as error:
        raise CatalogError(f"body: {error}") from error
    if found != TYPES[kind]:
        raise CatalogError(f"body: it is {found}, but Content-Type says {kind}; correct one of them")
    return image.size
