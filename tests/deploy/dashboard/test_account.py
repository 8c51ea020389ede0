"""One's own account: what a token cannot do to it, the password, and single sessions."""

import re
from typing import Any

from deploy.dashboard.routes.people import account, login, sign_on, users
from storage.catalog import views
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.test_access import filled, token
from tests.deploy.dashboard.test_login import PASSWORD, form, visitor, with_password

ABOUT_PEOPLE = [
    (method, route.path)
    for router in (account.router, login.router, sign_on.router, users.router)
    for route in router.routes
    for method in sorted(route.methods - {"HEAD"})  # type: ignore[attr-defined]
    if route.path not in ("/api/me", "/health")  # type: ignore[attr-defined]
]


def test_a_token_of_an_admin_changes_no_account_person_or_right(shared: Site) -> None:
    fields = {"name": "mallory", "role": "admin", "scope": "admin", "password": PASSWORD, "old": "x", "new": "y"}
    headers = token(shared, "admin", "admin")
    with shared.client("") as client:
        for method, path in ABOUT_PEOPLE:
            data = {"data": fields} if method == "POST" else {}
            answer = client.request(method, filled(path), headers=headers, **data)
            assert (answer.status_code, "API tokens cannot" in answer.text) == (403, True), (method, path)
    with shared.catalog.read() as s:
        assert "mallory" not in [one.name for one in views.users(s)]


def test_nobody_makes_a_token_that_may_more_than_they_do(shared: Site) -> None:
    with shared.client("viewer") as client:
        answer = client.post("/account/tokens", data={"name": "t", "scope": "admin"})
        assert answer.status_code == 400
        assert "choose viewer" in answer.text
        assert client.post("/account/tokens", data={"name": "t", "scope": "viewer"}).status_code == 200


def test_a_password_is_changed_by_who_knows_the_old_one_and_the_other_sessions_end(site: Site) -> None:
    with_password(site)
    entering: dict[str, Any] = {"name": "reviewer", "password": PASSWORD}
    with visitor(site) as here, visitor(site) as there:
        for client in (here, there):
            client.post("/login", data=form(client, "/login") | entering)
        fields = form(here, "/account")
        wrong = here.post("/account/password", data=fields | {"old": "guess", "new": "new words for it"})
        assert wrong.status_code == 403
        assert "current password is wrong" in wrong.text
        short = here.post("/account/password", data=fields | {"old": PASSWORD, "new": "short"})
        assert (short.status_code, "12 to 1000" in short.text) == (400, True)
        same = here.post("/account/password", data=fields | {"old": PASSWORD, "new": PASSWORD})
        assert same.status_code == 400
        done = here.post("/account/password", data=fields | {"old": PASSWORD, "new": "new words for it"})
        assert done.url.path == "/account"
        assert "Password changed" in done.text
        assert there.get("/").url.path == "/login"
        said = form(there, "/login") | entering
        assert there.post("/login", data=said).status_code == 401
        assert there.post("/login", data=said | {"password": "new words for it"}).url.path == "/"
    with site.catalog.read() as s:
        actions = [row.action for row in views.audit_page(s, entity="user", entity_id="reviewer").rows]
    assert {"change password", "failed password change"} <= set(actions)


def test_who_has_no_password_is_told_so(site: Site) -> None:
    with site.client("viewer") as client:
        assert "no password here" in client.get("/account").text
        answer = client.post("/account/password", data={"old": "", "new": "new words for it"})
    assert answer.status_code in (400, 422)


def test_single_sessions_end_and_nobody_elses(site: Site) -> None:
    with site.client("viewer") as client, site.client("reviewer") as other:
        (path,) = re.findall(r"/account/sessions/\w{64}/end", client.get("/account").text)
        other.post(path)
        assert client.get("/outputs").status_code == 200
        assert client.post(path).headers["location"] == "/login"
        assert client.get("/outputs").status_code == 303
