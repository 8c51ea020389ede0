"""Errors of /api/v1 as problem details."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import AccessError
from deploy.dashboard.prefect_api import FlowNotAllowedError, PrefectRefusedError, PrefectUnavailableError
from deploy.dashboard.security.problems import problem
from deploy.marks.settings import KeysError, MarksError
from storage.catalog.records import (
    CatalogError,
    NameTakenError,
    NotInCatalogError,
    ReviewConflictError,
    VersionConflictError,
)
from storage.keys import InvalidKeyError
from storage.objects import ObjectMissingError, StoreError
from storage.thumbnails import NotAnImageError

SAID = {
    404: "there is nothing at this address; /api/v1/openapi.json lists what there is",
    405: "this address does not take this method; /api/v1/openapi.json lists those that it takes",
}


class FaultyField(BaseModel):
    """One value that is refused."""

    field: str
    message: str


class Problem(BaseModel):
    """Why a request failed, RFC 9457. `field`: what is wrong; `remedy`: what helps; `errors`: each value refused."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    remedy: str | None = None
    errors: list[FaultyField] | None = None


class ProblemError(Exception):
    """An error of the interface itself. `more`: further members of the problem."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, headers, more


def _stated(request: Request, error: Any) -> Response:
    return problem(error.status, error.detail, error.headers, **error.more)


def _access(request: Request, error: Any) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return problem(error.status, error.message, headers, field="Authorization")


def _conflict(request: Request, error: Any) -> Response:
    return problem(409, str(error), field="revision", revision=error.revision)


def _invalid(request: Request, error: Any) -> Response:
    found = [{"field": _place(one["loc"]), "message": str(one["msg"])} for one in error.errors()[:20]]
    first = found[0]
    detail = f"{first['field']}: {first['message']}; correct it and send it again"
    return problem(422, detail, field=first["field"], errors=found)


def _place(loc: tuple[str | int, ...]) -> str:
    """Return where a value is, without the "body" or "query" that it begins with."""
    return ".".join(map(str, loc[1:] or loc))


def _http(request: Request, error: Any) -> Response:
    return problem(error.status_code, SAID.get(error.status_code, str(error.detail)), error.headers)


def _unavailable(request: Request, error: Any) -> Response:
    return problem(503, str(error), {"Retry-After": "10"})


def _beyond(request: Request, error: Any) -> Response:
    return problem(422, "a number or text in this request is too large for the catalog; correct it")


def _internal(request: Request, error: Any) -> Response:
    # the server itself logs the error
    return problem(500, "the server made an error, which its log has; send the request again, or report it")


def _with(status: int) -> Callable[[Request, Any], Response]:
    return lambda request, error: problem(status, str(error))


handlers: Mapping[type[Exception], Callable[[Request, Any], Response]] = {
    ProblemError: _stated,
    AccessError: _access,
    ReviewConflictError: _conflict,
    VersionConflictError: _with(409),
    NameTakenError: _with(409),
    NotInCatalogError: _with(404),
    ObjectMissingError: _with(404),
    InvalidKeyError: _with(404),
    CatalogError: _with(422),
    NotAnImageError: _with(422),
    FlowNotAllowedError: _with(403),
    PrefectRefusedError: _with(422),
    PrefectUnavailableError: _unavailable,
    StoreError: _with(502),
    MarksError: _with(500),
    KeysError: _with(500),
    OverflowError: _beyond,
    DataError: _beyond,
    RequestValidationError: _invalid,
    HTTPException: _http,
    Exception: _internal,
}
