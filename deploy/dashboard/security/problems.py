"""Problem details of RFC 9457: what is answered to programs instead of what they asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

API = "/api/v1"
"""Where the interface for programs is; every error below it is a problem."""
MEDIA_TYPE = "application/problem+json"
KINDS: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "The request cannot be read"),
    401: ("no-token", "No valid token"),
    403: ("forbidden", "Not allowed"),
    404: ("not-found", "Not found"),
    405: ("method", "Method not allowed here"),
    409: ("conflict", "In conflict with the present state"),
    413: ("too-large", "Too large"),
    414: ("address-too-long", "Address too long"),
    415: ("media-type", "Media type not accepted"),
    422: ("invalid", "A value is refused"),
    429: ("too-many", "Too many requests"),
    500: ("internal", "An error of the server"),
    502: ("store", "The object store does not answer"),
    503: ("unavailable", "A service is away"),
}
"""By status, the last part of a problem's type and its title."""


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> JSONResponse:
    """Return the problem of a status. `detail`: "field: what is wrong; what helps", of which the parts are named too.

    `more`: further members, which win over those from the detail; None: left out.
    """
    kind, title = KINDS.get(status, ("other", "The request failed"))
    said: dict[str, Any] = {"type": f"urn:dreamtuner:problem:{kind}", "title": title, "status": status}
    said |= {"detail": detail, "field": _field(detail), "remedy": _remedy(detail)} | more
    shown = {name: value for name, value in said.items() if value is not None}
    return JSONResponse(shown, status, headers=headers, media_type=MEDIA_TYPE)


def _field(detail: str) -> str | None:
    """Return the field that a message begins with; None if it begins with a sentence."""
    field, colon, _ = detail.partition(": ")
    plain = field.replace("_", "").replace(".", "").replace("[", "").replace("]", "").replace("-", "")
    return field if colon and len(field) <= 80 and plain.isalnum() else None


def _remedy(detail: str) -> str | None:
    """Return what follows the last semicolon."""
    _, semicolon, remedy = detail.rpartition("; ")
    return remedy if semicolon else None
