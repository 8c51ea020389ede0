"""The page that a client opens by a link: previews of approved pictures, and nothing else."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deploy.dashboard.access.rights import AccessError, Needs, Person
from deploy.dashboard.clients.previews import Size, preview
from deploy.dashboard.clients.rate_limit import RateLimit
from deploy.dashboard.preview_cache import PreviewCache
from deploy.dashboard.resources import address_of, everything
from deploy.dashboard.routes.people.login import visited
from deploy.dashboard.security.address import throttle_key
from deploy.dashboard.security.passwords import verify
from deploy.dashboard.security.secrets import digest, same
from deploy.marks.facts import facts_of
from storage.catalog import views, writes
from storage.catalog.records import NotInCatalogError
from storage.catalog.views import LinkView
from storage.lost import read_picture

router = APIRouter()
Visitor = Annotated[Person, Depends(Needs("public", tokens=False))]
ROOT = "/client/{secret}"
COOKIE = "dreamtuner_client"
PRIVATE = {"X-Robots-Tag": "noindex, nofollow, noarchive, noimageindex"}
_LIMIT = RateLimit(burst=600, per_second=10.0)
_PREVIEWS = PreviewCache()


@router.get(ROOT)
def client(secret: str, request: Request, person: Visitor) -> Response:
    """Show the pictures of a link; or its password form; or that it is not open, whatever the reason."""
    _admit(request)
    found = _link(request, secret)
    if found is None:
        return _closed(request, person)
    link, password = found
    if password is not None and not _unlocked(request, secret, password):
        return _private(visited(request, "client_locked.html", person, link=link, secret=secret, failed=""))
    known = everything(request)
    with known.catalog.read() as s:
        pictures = views.approved_pictures(s, link.output_ids)
    if not known.catalog.read_only:
        with known.catalog.write() as s:
            writes.count_opening(s, link.id, address=address_of(request))
    marked = known.marker.settings.on
    shown = visited(request, "client.html", person, link=link, secret=secret, pictures=pictures, marked=marked)
    return _private(shown)


@router.post(ROOT)
def unlock(
    secret: str, request: Request, person: Visitor, password: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    """Check the link's password; a cookie for this link's pages remembers it until the browser is closed."""
    _admit(request)
    found = _link(request, secret)
    if found is None:
        return _closed(request, person)
    link, hashed = found
    if hashed is None:
        return RedirectResponse(f"/client/{secret}", 303)
    known, address = everything(request), address_of(request)
    keys = [throttle_key(address), f"link:{link.id}@{throttle_key(address)}"]
    with known.catalog.write() as s:
        wait = writes.admit(s, keys)
    right = wait <= 0 and verify(password, hashed)
    with known.catalog.write() as s:
        if right:
            writes.forgive(s, keys)
        else:
            after = {"address": address, "wait_s": round(wait)}
            of: dict[str, Any] = {"entity": "client link", "entity_id": str(link.id)}
            writes.record_audit(s, actor="client", action="failed client link", after=after, **of)
    if not right:
        said = f"too many wrong passwords; try again in {wait:.0f} s" if wait > 0 else "this is not the password"
        status = 429 if wait > 0 else 401
        again = visited(request, "client_locked.html", person, status=status, link=link, secret=secret, failed=said)
        return _private(again)
    entered = RedirectResponse(f"/client/{secret}", 303)
    entered.set_cookie(
        COOKIE,
        _proof(secret, hashed),
        httponly=True,
        samesite="strict",
        secure=known.settings.secure,
        path=f"/client/{secret}",
    )
    return _private(entered)


@router.get(ROOT + "/pictures/{number:int}")
def picture(
    secret: str, number: int, request: Request, person: Visitor, size: Annotated[Size, Query()] = "large"
) -> Response:
    """Return a preview of the link's picture number `number`, from 1."""
    _admit(request)
    found = _link(request, secret)
    if found is None or (found[1] is not None and not _unlocked(request, secret, found[1])):
        raise NotInCatalogError("this link is not open")
    link, known = found[0], everything(request)
    with known.catalog.read() as s:
        pictures = views.approved_pictures(s, link.output_ids)
        if not 1 <= number <= len(pictures):
            raise NotInCatalogError("no such picture")
        one = views.output(s, pictures[number - 1].output_id)
    tag = sha256(f"{one.image_sha256} {link.mark} {size}".encode()).hexdigest()
    # the browser asks each time: a link that was revoked shows nothing from then on
    headers = PRIVATE | {"Cache-Control": "private, no-cache", "ETag": f'"{tag}"'}
    if request.headers.get("if-none-match") == f'"{tag}"':
        return Response(status_code=304, headers=headers)

    def make() -> bytes:
        data = read_picture(known.catalog, known.store, one.image_sha256)
        return preview(data, link.mark, size, known.marker, facts_of(one))

    data = _PREVIEWS.get((one.image_sha256, link.mark, size), make)
    return Response(data, media_type="image/jpeg", headers=headers)


def _link(request: Request, secret: str) -> tuple[LinkView, str | None] | None:
    with everything(request).catalog.read() as s:
        return views.client_link(s, digest(secret))


def _unlocked(request: Request, secret: str, hashed: str) -> bool:
    return same(request.cookies.get(COOKIE, ""), _proof(secret, hashed))


def _proof(secret: str, hashed: str) -> str:
    """Return what a browser keeps that gave the password; another password, and it is worth nothing."""
    return digest(f"{secret} {hashed}")


def _admit(request: Request) -> None:
    wait = _LIMIT.wait(throttle_key(address_of(request)))
    if wait > 0:
        raise AccessError(429, f"too many requests; try again in {int(wait) + 1} s")


def _closed(request: Request, person: Person) -> Response:
    return _private(visited(request, "client_closed.html", person, status=404))


def _private(answer: Response) -> Response:
    answer.headers.update(PRIVATE)
    return answer
