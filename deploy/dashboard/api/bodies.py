"""Limits on bodies sent to /api/v1, and JSON that is read within limits before anything looks into it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import Scope

from deploy.dashboard.access.bodies import FORM, KIB, STRANGER, LimitedBodies
from deploy.dashboard.access.rights import AccessError
from deploy.dashboard.api.problems import ProblemError
from deploy.dashboard.api.rights import caller, right_of
from deploy.dashboard.security.text import check_plain
from flows.spec.yaml_file import MAX_SPEC_BYTES

SPEC = MAX_SPEC_BYTES + 64 * KIB
TABLE: Mapping[str, int] = {
    "/runs": SPEC,  # a spec of 5,000 subjects by name, with prompts and seeds
    "/specs": SPEC,
    "/reviews": 32 * KIB,  # one decision; a note of 2000 characters, each escaped
}
UPLOADS = "/uploads"
DEEPEST = 32
"""How far lists and mappings of a body may be nested."""


class ApiBodies(LimitedBodies):
    """The limits of the interface's routes: what strangers may send is small, uploads are up to the setting."""

    async def limit(self, scope: Scope) -> int:
        """Return how many bytes this caller may send to this route."""
        route = next((one for one in self.routes if one.matches(scope)[0] is Match.FULL), None)
        needed = None if route is None else right_of(route)
        if route is None or needed is None:
            return STRANGER
        try:
            await caller(Request(scope), needed)
        except (AccessError, ProblemError):
            return STRANGER
        return self.max_upload if route.path == UPLOADS else TABLE.get(route.path, FORM)


async def read_json(request: Request, route: APIRoute) -> None:
    """Read the body of a route that takes JSON, where the framework then finds it.

    Raises ProblemError unless it is JSON of plain text, of numbers that JSON has, and nested at most DEEPEST deep.
    """
    if route.body_field is None:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ProblemError(
            415, f"Content-Type: {kind[:60] or 'none'!r} is not taken here; send application/json", field="Content-Type"
        )
    body = await request.body()
    # the framework's own reading finds it here
    request._json = await run_in_threadpool(_parsed, body)


def _parsed(body: bytes) -> Any:
    try:
        value = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        where = f" at {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep, or a number beyond bounds"
        raise ProblemError(400, f"body: not JSON{where}: {why}; send one JSON value in UTF-8", field="body") from error
    if not _is_flat(value):
        raise ProblemError(422, f"body: nested more than {DEEPEST} deep; flatten it", field="body")
    # the text of a spec has lines; what it says is checked once it is read
    check_plain({key: one for key, one in value.items() if key != "yaml"} if isinstance(value, dict) else value)
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _is_flat(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _inside(one)]
        if not level:
            return True
    return not any(isinstance(one, dict | list) for one in level)


def _inside(one: Any) -> list[Any]:
    return list(one.values()) if isinstance(one, dict) else one
