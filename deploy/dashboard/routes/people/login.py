"""Logging in and out, and the one-time link that sets a password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from deploy.dashboard.access.attempts import try_password
from deploy.dashboard.access.rights import ABSOLUTE, SESSION, VISIT, Needs, Person
from deploy.dashboard.pages import page
from deploy.dashboard.resources import Resources, address_of, resources
from deploy.dashboard.security.passwords import hash_password
from deploy.dashboard.security.secrets import csrf_token, digest, new_secret
from storage.catalog import views, writes
from storage.catalog.database.base import now

router = APIRouter()
Visitor = Annotated[Person, Depends(Needs("public", tokens=False))]
Text = Annotated[str, Form(max_length=2000)]


@router.get("/health")
def health(_: Annotated[Person, Depends(Needs("public"))], request: Request) -> PlainTextResponse:
    """Return "ok" if the catalog can be read."""
    with resources(request).catalog.read():
        return PlainTextResponse("ok")


@router.get("/login")
def login_page(person: Visitor, request: Request, next: str = "/") -> Response:
    """Show the login form."""
    return _form(request, person, next)


@router.post("/login")
def log_in(request: Request, person: Visitor, name: Text, password: Text, next: Text = "/") -> Response:
    """Check the password; failures throttle further attempts."""
    known = resources(request)
    tried = try_password(known, name=name, password=password, address=address_of(request))
    if tried.wait > 0:
        said = f"too many failed logins; try again in {tried.wait:.0f} s"
        refused = _form(request, person, next, status=429, failed=said)
        refused.headers["Retry-After"] = str(int(tried.wait) + 1)
        return refused
    if tried.user_id is None:
        said = "wrong name or password; try again, or ask an admin for a link"
        return _form(request, person, next, status=401, failed=said)
    return enter(known, request, tried.user_id, inside(next))


@router.post("/logout")
def log_out(request: Request, person: Visitor) -> Response:
    """End this session."""
    if person.session is not None:
        with resources(request).catalog.write() as s:
            writes.end_sessions(s, user_id=person.user_id, actor=person.name, token_sha256=person.session)
    gone = RedirectResponse("/login", 303)
    gone.delete_cookie(SESSION)
    return gone


@router.get("/link/{secret}")
def link_page(secret: str, person: Visitor, request: Request) -> Response:
    """Show whom the link is for and the form that sets the password."""
    with resources(request).catalog.read() as s:
        name = views.link_of(s, digest(secret))
    return visited(request, "link.html", person, status=200 if name else 404, name=name, secret=secret)


@router.post("/link/{secret}")
def use_link(secret: str, request: Request, person: Visitor, password: Text) -> Response:
    """Set the password and log in."""
    known = resources(request)
    hashed = hash_password(password)
    with known.catalog.write() as s:
        user_id = writes.use_link(s, token_sha256=digest(secret), password=hashed)
    return enter(known, request, user_id, "/")


def enter(known: Resources, request: Request, user_id: int, to: str) -> Response:
    """Start a new session, regardless of the browser's cookie, and redirect to a local path."""
    secret = new_secret()
    about = {"agent": request.headers.get("user-agent", "unknown"), "address": address_of(request)}
    with known.catalog.write() as s:
        writes.add_session(s, user_id=user_id, token_sha256=digest(secret), expires_at=now() + ABSOLUTE, **about)
    entered = RedirectResponse(to, 303)
    entered.set_cookie(
        SESSION,
        secret,
        max_age=int(ABSOLUTE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=known.settings.secure,
    )
    return entered


def _form(request: Request, person: Person, next: str, *, status: int = 200, failed: str = "") -> Response:
    provider = resources(request).provider
    name = "" if provider is None else provider.settings.name
    return visited(request, "login.html", person, status=status, next=inside(next), failed=failed, provider=name)


def visited(request: Request, template: str, person: Person, /, *, status: int = 200, **context: object) -> Response:
    """Render a form for a visitor without a session; a visit cookie carries its form token."""
    if person.csrf:
        return page(request, template, person, status=status, **context)
    visit = new_secret()
    shown = page(request, template, Person(csrf=csrf_token(visit)), status=status, **context)
    shown.set_cookie(VISIT, visit, httponly=True, samesite="lax", secure=resources(request).settings.secure)
    return shown


def inside(next: str) -> str:
    """Return `next` if it is a local path, else "/"."""
    return next if next.startswith("/") and not next.startswith(("//", "/\\")) and next.isprintable() else "/"
