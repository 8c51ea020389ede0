"""Users: accounts and roles. A new user gets a one-time link."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.first_start import LINK_HOURS
from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.pages import page, redirect
from deploy.dashboard.resources import Resources, resources
from deploy.dashboard.security.secrets import digest, new_secret
from storage.catalog import views, writes
from storage.catalog.database.base import now
from storage.catalog.records import Role

router = APIRouter()
Admin = Annotated[Person, Depends(Needs("admin", tokens=False))]
Text = Annotated[str, Form(max_length=200)]


@router.get("/users")
def users(request: Request, person: Admin) -> Response:
    """Show all users and API tokens."""
    with resources(request).catalog.read() as s:
        shown, tokens = views.users(s), views.tokens(s)
    return page(request, "users.html", person, shown=shown, tokens=tokens, link="", link_for="")


@router.post("/users")
def add(request: Request, person: Admin, name: Text, role: Text) -> Response:
    """Add a user and show the one-time link, once."""
    known = resources(request)
    with known.catalog.write() as s:
        user_id = writes.add_user(s, name=name, role=cast(Role, role), actor=person.name)
    return _linked(request, person, known, user_id, name)


@router.post("/users/{user_id:int}/link")
def link(user_id: int, request: Request, person: Admin) -> Response:
    """Create another one-time link, for a forgotten password."""
    known = resources(request)
    with known.catalog.read() as s:
        name = next((one.name for one in views.users(s) if one.id == user_id), "")
    return _linked(request, person, known, user_id, name)


def _linked(request: Request, person: Person, known: Resources, user_id: int, name: str) -> Response:
    secret = new_secret()
    expires = now() + timedelta(hours=LINK_HOURS)
    with known.catalog.write() as s:
        writes.add_link(s, user_id=user_id, token_sha256=digest(secret), expires_at=expires, actor=person.name)
        shown, tokens = views.users(s), views.tokens(s)
    base = known.settings.origin or f"{request.url.scheme}://{request.headers.get('host', '')}"
    return page(request, "users.html", person, shown=shown, tokens=tokens, link=f"{base}/link/{secret}", link_for=name)


@router.post("/users/{user_id:int}")
def change(
    user_id: int, request: Request, person: Admin, role: Text, active: Annotated[bool, Form()] = False
) -> Response:
    """Change a user's role, or disable the account."""
    with resources(request).catalog.write() as s:
        writes.change_user(s, user_id, actor=person.name, role=cast(Role, role), active=active)
    return redirect("/users", "Saved.")


@router.post("/tokens/{token_id:int}/revoke")
def revoke(token_id: int, request: Request, person: Admin) -> Response:
    """Revoke any user's token."""
    with resources(request).catalog.write() as s:
        writes.revoke_token(s, token_id, actor=person.name)
    return redirect("/users", "Token revoked.")
