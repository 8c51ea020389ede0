"""From the first start's link to the last logout."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from deploy.dashboard.access.first_start import admin_link
from deploy.dashboard.routes.people.login import inside
from deploy.dashboard.security.secrets import digest
from storage.catalog import Catalog, views, writes
from storage.catalog.database.base import now
from tests.deploy.dashboard.conftest import Site, serving

PASSWORD = "correct horse battery"


def form(client: httpx.Client, path: str) -> dict[str, str]:
    """The token of the page's form."""
    found = re.search(r'name="csrf" value="(\w+)"', client.get(path).text)
    assert found is not None
    return {"csrf": found[1]}


def visitor(site: Site) -> httpx.Client:
    return site.client("", follow_redirects=True)


def test_the_first_start_prints_a_link_that_makes_an_admin_once(tmp_path: Path) -> None:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        first, link = admin_link(catalog), admin_link(catalog)
        assert first is not None
        assert link is not None
        with serving(tmp_path) as site, visitor(site) as client:
            assert client.get(first).status_code == 404  # a later start ends it
            fields = form(client, link)
            assert client.post(link, data={**fields, "password": "short"}).status_code == 400
            entered = client.post(link, data={**fields, "password": PASSWORD})
            assert (entered.status_code, entered.url.path) == (200, "/")
            cookie = entered.history[0].headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=lax" in cookie
            assert client.get("/users").status_code == 200
            with visitor(site) as other:
                assert other.get(link).status_code == 404
        assert admin_link(catalog) is None


def with_password(site: Site) -> None:
    from deploy.dashboard.security.passwords import hash_password

    with site.catalog.write() as s:
        user = next(one.id for one in views.users(s) if one.name == "reviewer")
        expires = now() + timedelta(hours=1)
        writes.add_link(s, user_id=user, token_sha256="l", expires_at=expires, actor="x")
        writes.use_link(s, token_sha256="l", password=hash_password(PASSWORD))


def test_in_and_out_and_where_one_wanted_to_go(site: Site) -> None:
    with_password(site)
    with visitor(site) as client:
        asked = client.get("/outputs?decision=none")
        assert asked.url.path == "/login"
        assert "next=%2Foutputs%3Fdecision%3Dnone" in str(asked.url)
        fields = form(client, "/login") | {"name": "reviewer", "password": PASSWORD}
        entered = client.post("/login", data={**fields, "next": "/outputs?decision=none"})
        assert str(entered.url).endswith("/outputs?decision=none")
        client.post("/logout", data=form(client, "/"))
        assert client.get("/").url.path == "/login"
    with visitor(site) as client:
        away = form(client, "/login") | {"name": "reviewer", "password": PASSWORD, "next": "//evil.example/"}
        assert client.post("/login", data=away).url.path == "/"


def test_a_wrong_password_and_a_wrong_name_look_alike_and_soon_have_to_wait(site: Site) -> None:
    with_password(site)
    with visitor(site) as client:
        fields = form(client, "/login")
        said = []
        for name in ("reviewer", "nobody") * 3:
            answer = client.post("/login", data={**fields, "name": name, "password": "wrong wrong wrong"})
            said.append((answer.status_code, "rong name or password" in answer.text))
        assert said == [(401, True)] * 6
        waiting = client.post("/login", data={**fields, "name": "reviewer", "password": PASSWORD})
        assert waiting.status_code == 429
        assert int(waiting.headers["retry-after"]) >= 1
        client.post("/login", data={**fields, "name": "reviewer", "password": PASSWORD})
    with site.catalog.read() as s:
        refused = [row for row in views.audit_page(s).rows if row.action == "throttled log in"]
    assert [(row.entity_id, row.after["why"]) for row in refused] == [("reviewer", "too many failed logins")]


@pytest.mark.parametrize(
    "next",
    [
        "//evil.example/",
        "/\\evil.example/",
        "https://evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example/",
        "javascript:alert(1)",
        "\\/evil.example",
        " //evil.example",
        "",
    ],
)
def test_nobody_is_sent_elsewhere_after_the_login(shared: Site, next: str) -> None:
    assert inside(next) == "/"
    with visitor(shared) as client:
        assert 'name="next" value="/"' in client.get("/login", params={"next": next}).text


def test_a_cookie_that_somebody_else_chose_is_no_session_after_the_login(site: Site) -> None:
    with_password(site)
    with visitor(site) as client:
        client.cookies.set("dreamtuner_session", "chosen-by-somebody-else", domain="127.0.0.1")
        fields = form(client, "/login") | {"name": "reviewer", "password": PASSWORD}
        entered = client.post("/login", data=fields)
        assert entered.url.path == "/"
        assert "chosen-by-somebody-else" not in entered.history[0].headers["set-cookie"]
    with site.client("") as other:
        other.cookies.set("dreamtuner_session", "chosen-by-somebody-else", domain="127.0.0.1")
        assert other.get("/outputs").status_code == 303


def test_a_session_that_has_run_out_leads_to_the_login_and_back(site: Site) -> None:
    with site.catalog.write() as s:
        user = next(one.id for one in views.users(s) if one.name == "viewer")
        for token, left in (("old", -1.0), ("young", 60.0)):
            expires = now() + timedelta(seconds=left)
            writes.add_session(s, user_id=user, token_sha256=digest(token), agent="x", expires_at=expires)
    with site.client("") as client:
        client.cookies.set("dreamtuner_session", "young", domain="127.0.0.1")
        assert client.get("/outputs/1").status_code == 200
        client.cookies.set("dreamtuner_session", "old", domain="127.0.0.1")
        assert client.get("/outputs/1").headers["location"] == "/login?next=%2Foutputs%2F1"
        assert client.get("/api/outputs").status_code == 401
        assert client.post("/api/reviews", json={}).status_code == 403  # its form token went with it


def test_who_is_shut_out_is_out_at_once(site: Site, start: Callable[..., Site]) -> None:
    with site.client("viewer") as client, site.client() as admin:
        assert client.get("/outputs").status_code == 200
        with site.catalog.read() as s:
            user = next(one.id for one in views.users(s) if one.name == "viewer")
        assert admin.post(f"/users/{user}", data={"role": "viewer"}).status_code == 303
        assert client.get("/outputs").status_code == 303


def test_a_new_user_gets_a_link_that_is_shown_once(site: Site) -> None:
    with site.client() as admin, visitor(site) as client:
        shown = admin.post("/users", data={"name": "cleo", "role": "reviewer"})
        found = re.search(r"/link/[\w-]+", shown.text)
        assert found is not None
        assert found[0] not in admin.get("/users").text
        entered = client.post(found[0], data={**form(client, found[0]), "password": PASSWORD})
        assert entered.url.path == "/"
        assert client.get("/users").status_code == 403
        assert admin.post("/users", data={"name": "Cleo", "role": "viewer"}).status_code == 400
