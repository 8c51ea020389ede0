"""Pictures and thumbnails by content digest, so that browsers may cache them forever."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.preview_cache import PreviewCache
from deploy.dashboard.resources import resources
from storage.catalog import views
from storage.catalog.records import NotInCatalogError
from storage.lost import read_picture
from storage.previews import JPEG, preview
from storage.thumbnails import WEBP, thumbnail_of

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
PICTURES = ("image/png", "image/jpeg", "image/webp")


@router.get("/thumbs/{sha256}.webp")
def thumbnail(sha256: str, request: Request, _: Viewer) -> Response:
    """Return a thumbnail of at most 256 pixels; a missing one is created here, in a worker thread."""
    if _known(request, sha256):
        return _unchanged(request, sha256)
    _content_type(request, sha256)
    return _immutable(thumbnail_of(resources(request).store, sha256), WEBP, sha256)


@router.get("/pictures/{sha256}")
def picture(sha256: str, request: Request, _: Viewer) -> Response:
    """Return the picture as it was generated."""
    if _known(request, sha256):
        return _unchanged(request, sha256)
    kind = _content_type(request, sha256)
    ours = resources(request)
    return _immutable(read_picture(ours.catalog, ours.store, sha256), kind, sha256)


@router.get("/previews/{sha256}")
def small(sha256: str, request: Request, _: Viewer) -> Response:
    """Return the picture in its own size, as JPEG where that is smaller, to look at and not to keep."""
    if _known(request, sha256):
        return _unchanged(request, sha256)
    kind = _content_type(request, sha256)
    ours = resources(request)
    kept: PreviewCache = request.app.state.previews
    found = kept.get((sha256,), lambda: preview(read_picture(ours.catalog, ours.store, sha256)))
    if found is None:
        return _immutable(read_picture(ours.catalog, ours.store, sha256), kind, sha256)
    return _immutable(found, JPEG, sha256)


def _content_type(request: Request, sha256: str) -> str:
    """Look up the recorded MIME type. Raises NotInCatalogError for blobs that are not pictures, such as weights."""
    with resources(request).catalog.read() as s:
        kind = views.blob_type(s, sha256)
    if kind not in PICTURES:
        raise NotInCatalogError("no such picture in the catalog")
    return kind


def _known(request: Request, sha256: str) -> bool:
    return request.headers.get("if-none-match") == f'"{sha256}"'


def _unchanged(request: Request, sha256: str) -> Response:
    return Response(status_code=304, headers=_headers(sha256))


def _immutable(data: bytes, kind: str, sha256: str) -> Response:
    return Response(data, media_type=kind, headers=_headers(sha256))


def _headers(sha256: str) -> dict[str, str]:
    # private: a shared cache must not serve it to someone who is not logged in
    return {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{sha256}"'}
