"""The application of /api/v1 and its OpenAPI document, both made from the routes and their models."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse

from deploy.dashboard.api.bodies import ApiBodies
from deploy.dashboard.api.once import HEADER
from deploy.dashboard.api.problems import Problem, handlers
from deploy.dashboard.api.rights import right_of
from deploy.dashboard.api.routes import routers
from deploy.dashboard.security.problems import API, KINDS, MEDIA_TYPE

VERSION = "1"
ABOUT = (
    "DreamTuner for programs: upload references, order runs, wait, decide, and fetch the approved images with their "
    "marks. Every request has a token of the account page as `Authorization: Bearer`; a token has rights. Errors are "
    "problem details (RFC 9457). Lists come in pages: pass `next` as `cursor`. A POST with an `Idempotency-Key` is "
    "worked on once, however often it is sent within a day."
)


def create_api(max_upload: int) -> FastAPI:
    """Create the application. Its `state.resources` are set when the dashboard starts."""
    api = FastAPI(
        title="DreamTuner", version=VERSION, description=ABOUT, docs_url=None, redoc_url=None, openapi_url=None
    )
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    api.add_middleware(ApiBodies, routes=routes, max_upload=max_upload)
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)
    for router in routers:
        api.include_router(router)
    made: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        if not made:
            made.update(_completed(FastAPI.openapi(api), routes))
        return made

    async def shown(request: Request) -> JSONResponse:
        return JSONResponse(document())

    api.openapi = document  # type: ignore[method-assign]
    api.add_route("/openapi.json", shown, include_in_schema=False)
    return api


def _completed(made: dict[str, Any], routes: list[APIRoute]) -> dict[str, Any]:
    """Add what holds for every route: the address, tokens and their rights, idempotency keys, problems."""
    made["servers"] = [{"url": API}]
    parts = made.setdefault("components", {})
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "description": "of the account page"}}
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = parts.setdefault("schemas", {})
    schemas |= schema.pop("$defs", {}) | {"Problem": schema}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for route in routes:
        for method in route.methods or ():
            about = made["paths"][route.path_format][method.lower()]
            needed = right_of(route)
            rights = [needed.right] if needed and needed.right else []
            about["security"] = [{"token": rights}]
            if method == "POST":
                about.setdefault("parameters", []).append(_key())
            about["responses"].pop("422", None)
            about["responses"] |= {str(status): _problem(status) for status in _statuses(method)}
            about["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
    parts["responses"] = {"Problem": _problem(None)}
    made["components"]["schemas"] = dict(sorted(schemas.items()))
    return made


def _statuses(method: str) -> tuple[int, ...]:
    return (401, 403, 409, 413, 415, 422, 429) if method in ("POST", "PATCH") else (401, 403, 404, 422, 429)


def _problem(status: int | None) -> dict[str, Any]:
    said = "Any other error" if status is None else KINDS[status][1]
    return {"description": said, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _key() -> dict[str, Any]:
    said = "chosen by the caller, new for each request: however often that is sent, what it makes is made once"
    return {
        "name": HEADER,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": 200},
        "description": said,
    }
