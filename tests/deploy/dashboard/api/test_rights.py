"""A token opens what its rights say, and never more than its owner's role."""

import httpx
import pytest
from fastapi.routing import APIRoute

from deploy.dashboard.api.rights import right_of
from deploy.dashboard.api.routes import routers
from storage.catalog import views, writes
from storage.catalog.records import API_RIGHTS, CatalogError
from tests.deploy.dashboard.api.conftest import Program, problem, token_of
from tests.deploy.dashboard.conftest import Site

ROUTES = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
FILLED = {"subject_id": "1", "run_id": "x", "digest": "0" * 64, "output_id": "1", "export_id": "x"}
FILLED |= {"webhook_id": "x", "delivery_id": "1"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{min(one.methods)} {one.path}")
def test_each_route_names_the_right_that_a_token_lacks(route: APIRoute, shared: Site, program: Program) -> None:
    needed = right_of(route)
    assert needed is not None
    (method,) = route.methods
    path = route.path_format.format(**FILLED)
    problem(httpx.request(method, f"{shared.base}/api/v1{path}"), 401)
    if needed.right is None:
        return
    others = [one for one in API_RIGHTS if one != needed.right]
    found = problem(program(shared, "admin", others).request(method, path), 403)
    assert found["scope"] == needed.right
    assert f"lacks the right {needed.right}" in found["detail"]
    assert found["remedy"]


def test_a_cookie_opens_nothing_and_a_token_of_the_interface_no_page(shared: Site, program: Program) -> None:
    with shared.client("admin") as browser:
        problem(browser.get("/api/v1/me"), 401)
        problem(browser.post("/api/v1/reviews", json={"output_id": 1, "revision": 1, "decision": "approved"}), 401)
    client = program(shared, "admin")
    for path in ("/", "/subjects", "/api/me", "/metrics"):
        answer = client.get(f"{shared.base}{path}")
        assert answer.status_code == 403, path
        assert "opens /api/v1 alone" in answer.text


def test_rights_shrink_with_the_owners_role_and_stay_small(site: Site, program: Program) -> None:
    client = program(site, "operator", ["read", "order", "review"])
    assert client.get("/me").json() == {"name": "operator", "rights": ["read", "review", "order"]}
    with site.catalog.write() as s:
        user = next(one.id for one in views.users(s) if one.name == "operator")
        writes.change_user(s, user, actor="admin", role="viewer")
    assert client.get("/me").json()["rights"] == ["read"]
    with site.catalog.write() as s:
        writes.change_user(s, user, actor="admin", role="operator")
    assert client.get("/me").json()["rights"] == ["read"]


def test_a_token_of_a_role_has_its_rights_and_one_of_the_metrics_that_alone(shared: Site, program: Program) -> None:
    assert program(shared, "reviewer", scope="reviewer").get("/me").json()["rights"] == [
        "read",
        "metrics",
        "review",
        "export",
    ]
    scraper = program(shared, "admin", scope="metrics")
    assert scraper.get("/metrics").status_code == 200
    problem(scraper.get("/subjects"), 403)


def test_rights_beyond_the_role_are_refused_when_a_token_is_made(site: Site) -> None:
    for who, rights, said in (
        ("viewer", ["order"], "order needs the role operator"),
        ("admin", ["everything"], "'everything' is not known"),
        ("admin", [], "needs at least one of"),
    ):
        with pytest.raises(CatalogError, match=said):
            token_of(site, who, rights)
    with site.client("reviewer") as client:
        page = client.get("/account").text
        assert 'value="export"' in page
        assert 'value="order"' not in page
        sent = {"name": "robot", "scope": "api", "right": ["read", "export"], "days": "7"}
        assert "New token" in client.post("/account/tokens", data=sent).text
        assert "read, export" in client.get("/account").text
        assert client.post("/account/tokens", data=sent | {"right": "order"}).status_code == 400


def test_a_revoked_token_and_a_disabled_owner_are_strangers(site: Site, program: Program) -> None:
    client = program(site, "operator")
    with site.catalog.write() as s:
        user = next(one.id for one in views.users(s) if one.name == "operator")
        writes.change_user(s, user, actor="admin", active=False)
    assert "WWW-Authenticate" in client.get("/me").headers
    problem(client.get("/me"), 401)
