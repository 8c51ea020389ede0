"""One's own account: where one is logged in, and API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deploy.dashboard.pages import page, told
from deploy.dashboard.resources import resources
from deploy.dashboard.security.access import Needs, Person
from deploy.dashboard.security.secrets import digest, new_secret
from storage.catalog import views, writes
from storage.catalog.base import now
from storage.catalog.records import Role

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
Text = Annotated[str, Form(max_length=200)]


@router.get("/account")
def account(request: Request, person: Viewer) -> Response:
    """Sessions and tokens."""
    return _shown(request, person)


def _shown(request: Request, person: Person, secret: str = "") -> Response:
    with resources(request).catalog.read() as s:
        sessions, tokens = views.sessions_of(s, person.user_id), views.tokens(s, person.user_id)
    return page(request, "account.html", person, sessions=sessions, tokens=tokens, secret=secret)


@router.get("/api/me")
def me(person: Viewer) -> dict[str, str | None]:
    """Who one is; the page's outbox asks for the form token of a new session here."""
    return {"name": person.name, "role": person.role, "csrf": person.csrf}


@router.post("/account/tokens")
def add_token(
    request: Request, person: Viewer, name: Text, scope: Text, days: Annotated[int, Form(ge=1, le=365)] = 30
) -> Response:
    """A new token: shown once."""
    secret = new_secret()
    with resources(request).catalog.write() as s:
        writes.add_token(
            s,
            user_id=person.user_id,
            token_sha256=digest(secret),
            name=name,
            scope=cast(Role, scope),
            expires_at=now() + timedelta(days=days),
            actor=person.name,
        )
    return _shown(request, person, secret)


@router.post("/account/tokens/{token_id:int}/revoke")
def revoke(token_id: int, request: Request, person: Viewer) -> Response:
    """End one's own token."""
    with resources(request).catalog.write() as s:
        writes.revoke_token(s, token_id, actor=person.name, user_id=person.user_id)
    return told("/account", "The token is revoked.")


@router.post("/account/sessions/end")
def end(request: Request, person: Viewer) -> Response:
    """Log out everywhere, here too."""
    with resources(request).catalog.write() as s:
        writes.end_sessions(s, user_id=person.user_id, actor=person.name)
    return RedirectResponse("/login", 303)
