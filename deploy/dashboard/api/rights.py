"""Which right a route needs, and who calls: tokens alone, so that no page of another site can make a browser call."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from deploy.dashboard.access.rights import AccessError, Person, by_token
from deploy.dashboard.api.problems import ProblemError
from deploy.dashboard.resources import resources
from storage.catalog.records import API_RIGHTS, ApiRight, Role


class Right:
    """The dependency of a route: gives the Person who calls, whom `caller` has admitted. None: any token."""

    def __init__(self, right: ApiRight | None) -> None:
        self.right = right

    def __call__(self, request: Request) -> Person:
        return cast(Person, request.state.person)


AnyToken = Annotated[Person, Depends(Right(None))]
Reader = Annotated[Person, Depends(Right("read"))]
Uploader = Annotated[Person, Depends(Right("upload"))]
Orderer = Annotated[Person, Depends(Right("order"))]
Reviewer = Annotated[Person, Depends(Right("review"))]
Exporter = Annotated[Person, Depends(Right("export"))]
Measurer = Annotated[Person, Depends(Right("metrics"))]
Listener = Annotated[Person, Depends(Right("webhooks"))]


def right_of(route: APIRoute) -> Right | None:
    """Return what a route needs; None: it is open to everybody."""
    return next((one.call for one in route.dependant.dependencies if isinstance(one.call, Right)), None)


async def caller(request: Request, needed: Right) -> Person:
    """Identify who calls by the token, and note it. Raises AccessError, or ProblemError naming the right it lacks."""
    bearer = request.headers.get("authorization", "")
    if not bearer:
        raise AccessError(401, "no token was sent; send Authorization: Bearer and one of your account page")
    person = await run_in_threadpool(by_token, resources(request), bearer)
    if needed.right is not None and needed.right not in person.rights:
        said = f"this token lacks the right {needed.right}"
        remedy = f"create one with it on your account page, which takes the role {API_RIGHTS[needed.right]}"
        wanted = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{needed.right}"'}
        raise ProblemError(403, f"{said}; {remedy}", wanted, field="Authorization", scope=needed.right)
    role: Role = "viewer" if needed.right is None else API_RIGHTS[needed.right]
    request.state.person, request.state.viewer = person, person.viewer(role)
    return person
