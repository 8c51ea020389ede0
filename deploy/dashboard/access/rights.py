"""Access control: every route declares a `Needs`; authentication, origin and form tokens are checked here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from deploy.dashboard.resources import Resources, resources
from deploy.dashboard.security.secrets import csrf_token, digest, same
from deploy.dashboard.security.text import check_plain_texts
from storage.catalog import views, writes
from storage.catalog.database.base import now
from storage.catalog.narrowing import Viewer
from storage.catalog.records import ROLES, ApiRight, Role

SESSION, VISIT = "dreamtuner_session", "dreamtuner_visit"
IDLE, ABSOLUTE = timedelta(hours=12), timedelta(days=7)
_NOTED = timedelta(minutes=1)  # `seen_at` is written no oftener
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
Access = Literal["public", "metrics", "viewer", "reviewer", "operator", "admin"]


class AccessError(Exception):
    """The user may not make this request; `status` is the HTTP status, 401, 403 or 429."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True)
class Person:
    """The user of a request. `role` is None for a visitor; `csrf` goes into forms; `session` is the cookie's digest.

    `by_token`: a program with an API token instead of a cookie; `role` is then the lower of the token's scope and the
    owner's role. `metrics`: it may read the metrics, and with a token of that scope nothing else. `rights`: what the
    token opens of /api/v1.
    `projects`: the person's role in each of their projects by id; None: they see everything.
    """

    user_id: int = 0
    name: str = ""
    role: Role | None = None
    csrf: str = ""
    session: str | None = None
    by_token: bool = False
    metrics: bool = False
    rights: frozenset[ApiRight] = frozenset()
    projects: Mapping[int, Role] | None = None

    def may(self, role: Role) -> bool:
        """Return whether the person's role is `role` or higher."""
        return self.role is not None and ROLES.index(self.role) >= ROLES.index(role)

    def admitted(self, access: Access) -> bool:
        """Return whether the person may use routes of this access; whoever sees runs may read the metrics."""
        if access == "metrics":
            return self.metrics or self.may("viewer")
        return access == "public" or self.may(access)

    def viewer(self, access: Access) -> Viewer | None:
        """Return as whom the person sees the catalog on a route of this access; None: everything.

        Visible are the projects in which the person's role is at least that of the route, and what is of no project.
        """
        if self.projects is None:
            return None
        least = ROLES.index(access) if access in ROLES else 0
        return Viewer(self.name, frozenset(one for one, role in self.projects.items() if ROLES.index(role) >= least))


class Needs:
    """The dependency of a route: gives the `Person`, or raises AccessError.

    From then on `resources(request).catalog` is the catalog as the person sees it on this route, see `Person.viewer`.

    A write must come from one of our own pages (Origin) and carry the session's form token. Requests with an API token
    need neither: they carry no cookie that another site could make a browser send. Without `tokens` the route rejects
    API tokens: accounts, users and roles must not be changed with a leaked token.
    """

    def __init__(self, access: Access, *, tokens: bool = True) -> None:
        self.access = access
        self.tokens = tokens

    async def __call__(self, request: Request) -> AsyncIterator[Person]:
        try:
            yield await self._admit(request)
        finally:
            await request.close()  # closes uploaded files

    async def _admit(self, request: Request) -> Person:
        known = resources(request)
        bearer = request.headers.get("authorization", "")
        if bearer:
            person = await run_in_threadpool(by_token, known, bearer)
        else:
            person = await run_in_threadpool(by_cookie, known, request.cookies)
            if request.method not in SAFE:
                _check_origin(request, known.settings.origin)
                await _check_csrf(request, person)
        request.state.person, request.state.viewer = person, person.viewer(self.access)
        if person.by_token and not self.tokens:
            raise AccessError(403, "API tokens cannot be used for accounts, users and roles; log in with a browser")
        if self.access == "public":
            await check_plain_texts(request)
            return person
        if not person.admitted(self.access):
            if person.metrics:
                raise AccessError(403, "this token reads /metrics alone; create one whose scope is a role")
            if person.by_token and person.role is None:
                raise AccessError(403, "this token opens /api/v1 alone; create one whose scope is a role")
            if person.role is None:
                raise AccessError(401, "log in to see this page")
            raise AccessError(
                403, f"this needs the role {self.access}, and {person.name} is {person.role}; ask an admin"
            )
        await check_plain_texts(request)
        return person


def by_token(known: Resources, header: str) -> Person:
    """Identify the owner of an Authorization header. Raises AccessError if it is invalid."""
    kind, _, secret = header.partition(" ")
    with known.catalog.read() as s:
        found = views.token_of(s, digest(secret.strip())) if kind.lower() == "bearer" else None
        of = None if found is None else views.projects_of_user(s, found[0].user_id, found[0].role)
    if found is None:
        raise AccessError(401, "this API token is unknown, revoked or expired; create a new one on your account page")
    who, scope = found
    noted = not known.catalog.read_only  # on a read-only catalog the last use is not recorded
    if noted and who.token_id is not None and (who.seen_at is None or now() - who.seen_at > _NOTED):
        with known.catalog.write() as s:
            writes.touch_token(s, who.token_id)
    about: dict[str, Any] = {"by_token": True, "rights": who.rights, "projects": of}
    if scope == "metrics" or scope == "api":  # as a tuple mypy does not narrow it
        return Person(who.user_id, who.name, metrics=scope == "metrics", **about)
    return Person(who.user_id, who.name, min(who.role, scope, key=ROLES.index), **about)


def by_cookie(known: Resources, cookies: Mapping[str, str]) -> Person:
    """Identify the owner of the session cookie; a visitor if there is none."""
    cookie = cookies.get(SESSION, "")
    if cookie:
        token = digest(cookie)
        with known.catalog.read() as s:
            who = views.session_of(s, token, idle=IDLE)
            of = None if who is None else views.projects_of_user(s, who.user_id, who.role)
        if who is not None:
            noted = not known.catalog.read_only
            if noted and (who.seen_at is None or now() - who.seen_at > _NOTED):
                with known.catalog.write() as s:
                    writes.touch_session(s, token)
            return Person(who.user_id, who.name, who.role, csrf_token(cookie), token, projects=of)
    visit = cookies.get(VISIT, "")
    return Person(csrf=csrf_token(visit) if visit else "")


def _check_origin(request: Request, ours: str) -> None:
    origin = request.headers.get("origin")
    allowed = {ours} if ours else {f"{request.url.scheme}://{request.headers.get('host', '')}"}
    if origin is not None and origin in allowed:
        return
    # browsers that omit Origin in same-site forms send this header instead; no page can forge it
    if origin is None and request.headers.get("sec-fetch-site") == "same-origin":
        return
    raise AccessError(403, "this request does not come from a page of the dashboard; reload the page and try again")


async def _check_csrf(request: Request, person: Person) -> None:
    given = request.headers.get("x-csrf-token", "")
    if not given and "form" in request.headers.get("content-type", ""):
        field = (await request.form()).get("csrf")
        given = field if isinstance(field, str) else ""
    if not person.csrf or not same(given, person.csrf):
        raise AccessError(403, "this form is out of date; reload the page and send it again")
