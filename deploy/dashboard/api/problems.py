"""Errors of /api/v1 as problem details."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
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

LONG_NUMBER = re.compile(r"-?[0-9]{19,4000}")
"""A whole number in an address that may be beyond 64 bits: nothing shorter is, and Python reads nothing longer."""
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


async def _beyond(request: Request, error: Any) -> Response:
    """Name the first number that no column holds; a text that is too large is not told apart."""
    address = {**request.path_params, **request.query_params}
    sent: list[Any] = [{name: int(text) for name, text in address.items() if LONG_NUMBER.fullmatch(str(text))}]
    with suppress(ValueError, ClientDisconnect, RuntimeError):
        sent.append(await request.json())  # read before: it is kept
    field = next((found for one in sent if (found := _too_large(one)) is not None), None)
    if field is None:
        return problem(422, "a number or text in this request is too large for the catalog; correct it")
    return problem(422, f"{field}: this number is too large for the catalog; correct it", field=field)


def _too_large(value: Any) -> str | None:
    """Return where within `value` a whole number is beyond 64 bits; "" if it is one itself, None: nowhere."""
    if isinstance(value, int):
        return "" if not -(2**63) <= value < 2**63 else None
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        if (within := _too_large(part)) is not None:
            return f"{name}.{within}" if within else str(name)
    return None


def _internal(request: Request, error: Any) -> Response:
    # the server itself logs the error
    return problem(500, "the server made an error, which its log has; send the request again, or report it")


def _with(status: int) -> Callable[[Request, Any], Response]:
    return lambda request, error: problem(status, str(error))


handlers: Mapping[type[Exception], Callable[[Request, Any], Response | Awaitable[Response]]] = {
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
