"""Error responses for people and programs: one sentence with the remedy, never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from deploy.dashboard.access.rights import AccessError, Person, by_cookie
from deploy.dashboard.pages import page
from deploy.dashboard.prefect_api import FlowNotAllowedError, PrefectUnavailableError
from deploy.dashboard.resources import resources
from deploy.dashboard.security.oidc import SignOnError
from deploy.dashboard.security.passwords import WeakPasswordError
from deploy.marks.settings import KeysError, MarksError
from storage.catalog.records import CatalogError, NotInCatalogError, ReviewConflictError, VersionConflictError
from storage.keys import InvalidKeyError
from storage.objects import ObjectMissingError, StoreError
from storage.thumbnails import NotAnImageError


def _answer(request: Request, status: int, message: str, **more: Any) -> Response:
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": message, **more}, status)
    person = getattr(request.state, "person", None) or _whose(request)
    return page(request, "error.html", person, status=status, code=status, message=message)


def _whose(request: Request) -> Person:
    """Identify the user on a page that does not exist, so that the navigation is shown."""
    return by_cookie(resources(request), request.cookies)


def _refused(request: Request, error: Any) -> Response:
    html = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if error.status == 401 and html and request.method == "GET" and "hx-request" not in request.headers:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(wanted, safe='')}", 303)
    answer = _answer(request, error.status, error.message)
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _conflict(request: Request, error: Any) -> Response:
    return _answer(request, 409, str(error), revision=error.revision)


def _invalid(request: Request, error: Any) -> Response:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    return _answer(request, 422, f"{field}: {first['msg']}; correct it and send it again")


def _http(request: Request, error: Any) -> Response:
    said = {404: "page not found; start from the navigation above", 405: "method not allowed for this page"}
    return _answer(request, error.status_code, said.get(error.status_code, str(error.detail)))


def _with(status: int) -> Callable[[Request, Any], Response]:
    return lambda request, error: _answer(request, status, str(error))


def _beyond(request: Request, error: Any) -> Response:
    return _answer(request, 400, "a number or text in this request is too large for the catalog; correct it")


handlers: Mapping[type[Exception], Callable[[Request, Any], Response]] = {
    AccessError: _refused,
    ReviewConflictError: _conflict,
    VersionConflictError: _with(409),
    NotInCatalogError: _with(404),
    ObjectMissingError: _with(404),
    InvalidKeyError: _with(404),
    CatalogError: _with(400),
    NotAnImageError: _with(400),
    WeakPasswordError: _with(400),
    FlowNotAllowedError: _with(403),
    SignOnError: _with(400),
    PrefectUnavailableError: _with(503),
    StoreError: _with(502),
    MarksError: _with(500),
    KeysError: _with(500),
    OverflowError: _beyond,
    DataError: _beyond,
    RequestValidationError: _invalid,
    HTTPException: _http,
}
