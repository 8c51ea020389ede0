"""Pictures and thumbnails, by the digest of their content, so that a browser may keep them for ever."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.resources import resources
from storage.catalog import views
from storage.catalog.records import NotInCatalogError
from storage.lost import read_picture
from storage.thumbnails import WEBP, thumbnail_of

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
PICTURES = ("image/png", "image/jpeg", "image/webp")


@router.get("/thumbs/{sha256}.webp")
def thumbnail(sha256: str, request: Request, _: Viewer) -> Response:
    """At most 256 pixels; one that the flow did not make is made here, in a worker thread."""
    if _known(request, sha256):
        return _unchanged(request, sha256)
    _content_type(request, sha256)
    return _immutable(thumbnail_of(resources(request).store, sha256), WEBP, sha256)


@router.get("/pictures/{sha256}")
def picture(sha256: str, request: Request, _: Viewer) -> Response:
    """The picture as it was made."""
    if _known(request, sha256):
        return _unchanged(request, sha256)
    kind = _content_type(request, sha256)
    ours = resources(request)
    return _immutable(read_picture(ours.catalog, ours.store, sha256), kind, sha256)


def _content_type(request: Request, sha256: str) -> str:
    """The recorded type; what is no picture (weights, specs) is not served here."""
    with resources(request).catalog.read() as s:
        kind = views.blob_type(s, sha256)
    if kind not in PICTURES:
        raise NotInCatalogError("there is no such picture in the catalog")
    return kind


def _known(request: Request, sha256: str) -> bool:
    return request.headers.get("if-none-match") == f'"{sha256}"'


def _unchanged(request: Request, sha256: str) -> Response:
    return Response(status_code=304, headers=_headers(sha256))


def _immutable(data: bytes, kind: str, sha256: str) -> Response:
    return Response(data, media_type=kind, headers=_headers(sha256))


def _headers(sha256: str) -> dict[str, str]:
    # private: a shared cache must not show it to somebody who is not logged in
    return {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{sha256}"'}
