"""A user's own account: sessions, password and API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deploy.dashboard.access.attempts import try_password
from deploy.dashboard.access.rights import AccessError, Needs, Person
from deploy.dashboard.pages import page, redirect, with_notice
from deploy.dashboard.resources import address_of, resources
from deploy.dashboard.routes.people.login import enter
from deploy.dashboard.security.passwords import hash_password
from deploy.dashboard.security.secrets import digest, new_secret
from storage.catalog import views, writes
from storage.catalog.database.base import now
from storage.catalog.records import API_RIGHTS, ROLES, ApiRight, CatalogError, Scope

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
Owner = Annotated[Person, Depends(Needs("viewer", tokens=False))]
Text = Annotated[str, Form(max_length=2000)]


@router.get("/account")
def account(request: Request, person: Owner) -> Response:
    """Show the user's sessions, password form and tokens."""
    return _shown(request, person)


def _shown(request: Request, person: Person, secret: str = "") -> Response:
    with resources(request).catalog.read() as s:
        sessions, tokens = views.sessions_of(s, person.user_id), views.tokens(s, person.user_id)
        password = views.has_password(s, person.user_id)
    shown: dict[str, Any] = {"sessions": sessions, "tokens": tokens, "password": password}
    return page(request, "account.html", person, **shown, secret=secret, rights=API_RIGHTS)


@router.get("/api/me")
def me(person: Viewer) -> dict[str, str | None]:
    """Return the user's name, role and form token; the outbox fetches the token of a new session here."""
    return {"name": person.name, "role": person.role, "csrf": person.csrf}


@router.post("/account/preferences")
def prefer(request: Request, person: Owner, name: Text, value: Annotated[Literal["yes", "no"], Form()]) -> Response:
    """Change one of the person's preferences; the review page sends it from its help."""
    with resources(request).catalog.write() as s:
        writes.set_preference(s, person.user_id, name, value == "yes")
        who: dict[str, Any] = {"actor": person.name, "entity": "user", "entity_id": person.user_id}
        writes.record_audit(s, action="change preference", after={name: value}, **who)
    return Response(status_code=204)


@router.post("/account/password")
def change_password(request: Request, person: Owner, old: Text, new: Text) -> Response:
    """Change the password after checking the old one, and log out every other browser."""
    known = resources(request)
    with known.catalog.read() as s:
        if not views.has_password(s, person.user_id):
            said = "you log in with single sign-on and have no password here"
            raise CatalogError(f"{said}; ask an administrator for a link if you need one")
    hashed = hash_password(new)
    where = address_of(request)
    tried = try_password(known, name=person.name, password=old, address=where, action="password change")
    if tried.wait > 0:
        raise AccessError(429, f"too many wrong passwords; try again in {tried.wait:.0f} s")
    if tried.user_id is None:
        raise AccessError(403, "the current password is wrong; type it again, or ask an administrator for a link")
    if new == old:
        raise CatalogError("new password: same as the old one; choose another")
    with known.catalog.write() as s:
        writes.change_password(s, person.user_id, hashed)
    entered = enter(known, request, person.user_id, "/account")
    return with_notice(entered, "Password changed; your other sessions have ended. API tokens remain valid.")


@router.post("/account/tokens")
def add_token(
    request: Request,
    person: Owner,
    name: Text,
    scope: Text,
    days: Annotated[int, Form(ge=1, le=365)] = 30,
    right: Annotated[tuple[str, ...], Form(max_length=20)] = (),
) -> Response:
    """Create a token, which is shown once. `right`: those of a token of the scope api; others ignore them."""
    if scope in ROLES and not person.may(scope):
        raise CatalogError(f"scope: a token cannot exceed its owner's role, {person.role}; choose {person.role}")
    secret = new_secret()
    with resources(request).catalog.write() as s:
        writes.add_token(
            s,
            user_id=person.user_id,
            token_sha256=digest(secret),
            name=name,
            scope=cast(Scope, scope),
            expires_at=now() + timedelta(days=days),
            actor=person.name,
            rights=cast(tuple[ApiRight, ...], right) if scope == "api" else (),
        )
    return _shown(request, person, secret)


@router.post("/account/tokens/{token_id:int}/revoke")
def revoke(token_id: int, request: Request, person: Owner) -> Response:
    """Revoke a token of the user."""
    with resources(request).catalog.write() as s:
        writes.revoke_token(s, token_id, actor=person.name, user_id=person.user_id)
    return redirect("/account", "Token revoked.")


@router.post("/account/sessions/{sha256}/end")
def end_one(sha256: str, request: Request, person: Owner) -> Response:
    """End one session of the user."""
    with resources(request).catalog.write() as s:
        ended = writes.end_sessions(s, user_id=person.user_id, actor=person.name, token_sha256=sha256)
    if sha256 == person.session:
        return RedirectResponse("/login", 303)
    return redirect("/account", "Session ended." if ended else "This session had ended already.")


@router.post("/account/sessions/end")
def end(request: Request, person: Owner) -> Response:
    """End all sessions of the user, including this one."""
    with resources(request).catalog.write() as s:
        writes.end_sessions(s, user_id=person.user_id, actor=person.name)
    return RedirectResponse("/login", 303)
