"""Single sign-on: redirect to the OpenID provider and handle its callback."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.resources import Resources, address_of, resources
from deploy.dashboard.routes.people.login import enter, inside
from deploy.dashboard.security.oidc import Provider, SignOnError
from deploy.dashboard.security.secrets import new_secret
from storage.catalog import writes
from storage.catalog.records import AccountDisabledError

router = APIRouter()
Visitor = Annotated[Person, Depends(Needs("public", tokens=False))]
COOKIE, PATH, SECONDS = "dreamtuner_sign_on", "/login/oidc", 600
CALLBACK = f"{PATH}/callback"


@router.get(PATH)
def out(request: Request, _: Visitor, next: str = "/") -> Response:
    """Redirect the browser to the provider; a cookie ties the callback to this browser for ten minutes."""
    known, secret = resources(request), new_secret()
    sent = RedirectResponse(_provider(known).begin(secret, _back(known, request)), 303)
    sent.set_cookie(
        COOKIE,
        f"{secret}:{quote(inside(next)[:1000], safe='')}",
        max_age=SECONDS,
        path=PATH,
        httponly=True,
        samesite="lax",
        secure=known.settings.secure,
    )
    return sent


@router.get(CALLBACK)
def back(request: Request, _: Visitor) -> Response:
    """Validate the provider's response and start a session."""
    known, provider = resources(request), _provider(resources(request))
    secret, _colon, next = request.cookies.get(COOKIE, "").partition(":")
    who = provider.finish(secret, _back(known, request), request.query_params)
    try:
        with known.catalog.write() as s:
            role = provider.settings.role
            user_id = writes.sign_on(s, issuer=who.issuer, subject=who.subject, name=who.name, role=role)
    except AccountDisabledError as error:
        failed: dict[str, Any] = {"actor": address_of(request) or "this machine", "action": "failed log in"}
        with known.catalog.write() as s:
            after = {"address": address_of(request), "why": "disabled"}
            writes.record_audit(s, **failed, entity="user", entity_id=error.name, after=after)
        raise
    entered = enter(known, request, user_id, inside(unquote(next)))
    entered.delete_cookie(COOKIE, path=PATH)
    return entered


def _provider(known: Resources) -> Provider:
    if known.provider is None:
        raise SignOnError("single sign-on is not configured; log in with name and password")
    return known.provider


def _back(known: Resources, request: Request) -> str:
    base = known.settings.origin or f"{request.url.scheme}://{request.headers.get('host', '')}"
    return base + CALLBACK
