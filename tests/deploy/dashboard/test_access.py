"""Every route, every role; and what a write from elsewhere meets."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount

from deploy.dashboard.access.rights import Needs
from deploy.dashboard.routes import routers
from deploy.dashboard.security.headers import HEADERS
from deploy.dashboard.security.secrets import digest
from storage.catalog import views, writes
from storage.catalog.database.base import now
from storage.catalog.records import ROLES
from tests.deploy.dashboard.conftest import Site

RANK = {None: -1, "metrics": 0, **{role: i for i, role in enumerate(ROLES)}}


def needs_of(route: APIRoute) -> list[Needs]:
    """Every `Needs` that the route depends on."""
    found, todo = [], [route.dependant]
    while todo:
        one = todo.pop()
        found += [one.call] if isinstance(one.call, Needs) else []
        todo += one.dependencies
    return found


def routes() -> Iterator[tuple[str, str, str]]:
    """(method, path, access) of every route."""
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            (needs,) = needs_of(route)
            for method in sorted(route.methods - {"HEAD"}):
                yield method, route.path, needs.access


ROUTES = list(routes())
ENDS = ("/logout", "/account/sessions/end")
IDS = {
    "output_id": "1",
    "subject_id": "1",
    "reference_id": "1",
    "mask_id": "1",
    "annotation_id": "1",
    "kind": "caption",
    "user_id": "999",
    "preset_id": "999",
    "schedule_id": "00000000-0000-0000-0000-000000000000",
    "token_id": "999",
    "sha256": "0" * 64,
    "secret": "no",
    "queue_id": "no",
    "batch_id": "no",
    "split_id": "no",
    "filter_id": "999",
    "number": "1",
    "project_id": "999",
    "link_id": "999",
    "webhook_id": "no",
    "delivery_id": "999",
    "run_id": "no",
    "name": "no",
    "flow_run_id": "00000000-0000-0000-0000-000000000000",
}


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: IDS[found[1]], path)


def test_every_route_of_the_application_is_among_those_that_say_who_may(shared: Site) -> None:
    from deploy.dashboard.app import create_app

    app = create_app(shared.settings)
    known = {path for _, path, _ in ROUTES}
    plain = [one for one in app.routes if not isinstance(one, Mount)]
    for one in plain:
        path = getattr(one, "path", None)
        assert path is None or path in known, one
    assert [one.path for one in app.routes if isinstance(one, Mount)] == ["/api/v1", "/static"]


@pytest.mark.parametrize(("method", "path", "access"), ROUTES, ids=lambda value: str(value))
def test_a_route_lets_in_who_may_and_nobody_else(shared: Site, method: str, path: str, access: str) -> None:
    if path in ENDS:
        pytest.skip("ends the sessions that the other tests use; test_login tries it")
    wanted = -1 if access == "public" else RANK[access]
    for role in (None, *ROLES):
        with shared.client(role or "") as client:
            if path == "/api/runs/stream":
                with client.stream(method, path) as answer:
                    status = answer.status_code
            else:
                status = client.request(method, filled(path)).status_code
        if role is None and access != "public":
            assert status in ((303,) if method == "GET" and not path.startswith("/api/") else (401, 403)), (
                role,
                status,
            )
        elif RANK[role] < wanted:
            assert status == 403, (role, status)
        elif method == "GET" or role is not None:
            assert status not in (401, 403) or path == "/flows/run", (role, status)
            assert status < 500 or status == 503, (role, status)  # 503: no Prefect here


@pytest.mark.parametrize(("method", "path", "access"), ROUTES, ids=lambda value: str(value))
def test_every_answer_carries_the_policy(shared: Site, method: str, path: str, access: str) -> None:
    role = "" if path in ENDS else "admin"
    with shared.client(role) as client, client.stream(method, filled(path)) as answer:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "cache-control" in answer.headers


HEADERS_FROM_ELSEWHERE = {
    "no token": {"X-CSRF-Token": ""},
    "wrong token": {"X-CSRF-Token": "0" * 64},
    "other origin": {"Origin": "http://evil.example"},
    "no origin": {"Origin": "null"},
}
WRITES = [(method, path) for method, path, _ in ROUTES if method != "GET"]


@pytest.mark.parametrize(("method", "path"), WRITES, ids=lambda value: str(value))
def test_a_write_from_elsewhere_is_refused(shared: Site, method: str, path: str) -> None:
    for name, headers in HEADERS_FROM_ELSEWHERE.items():
        with shared.client() as client:
            client.headers.update(headers)
            answer = client.request(method, filled(path))
        assert answer.status_code == 403, name
        assert "form is out of date" in answer.text or "does not come from a page" in answer.text


def test_a_write_without_an_origin_needs_the_browsers_word(shared: Site) -> None:
    with shared.client() as client:
        del client.headers["Origin"]
        fields = {"name": "x", "scope": "viewer"}
        assert client.post("/account/tokens", data=fields).status_code == 403
        assert client.post("/account/tokens", data=fields, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_a_host_that_was_rebound_to_this_address_is_refused(shared: Site) -> None:
    with shared.client() as client:
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


def token(site: Site, role: str, scope: Any, left: float = 60) -> dict[str, str]:
    secret = f"{role}-{scope}-{left}"
    with site.catalog.write() as s:
        user = next(one.id for one in views.users(s) if one.name == role)
        expires = now() + timedelta(seconds=left)
        writes.add_token(
            s, user_id=user, token_sha256=digest(secret), name="t", scope=scope, expires_at=expires, actor="test"
        )
    return {"Authorization": f"Bearer {secret}"}


def test_a_token_may_what_its_scope_and_its_user_may_and_needs_no_form(shared: Site) -> None:
    said = {"uuid": "by-token-1", "output_id": 2, "revision": 1, "decision": "approved"}
    with shared.client("") as client:
        del client.headers["Origin"]
        looking = token(shared, "admin", "viewer")
        assert client.get("/api/outputs?limit=2", headers=looking).json()["next"]
        assert client.post("/api/reviews", json=said, headers=looking).status_code == 403
        assert client.get("/audit", headers=token(shared, "viewer", "admin")).status_code == 403
        reviewing = token(shared, "admin", "reviewer")
        assert client.post("/api/reviews", json=said, headers=reviewing).status_code == 200
        assert client.get("/api/me", headers=token(shared, "admin", "admin", -5)).status_code == 401
        assert client.get("/api/me", headers={"Authorization": "Bearer guess"}).status_code == 401
    with shared.catalog.read() as s:
        (row, *_) = views.audit_page(s, entity="output", entity_id="2").rows
    assert (row.actor, row.before["decision"], row.after["decision"]) == ("admin", "none", "approved")
