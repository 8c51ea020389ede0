"""A person sees nothing of a project that they are not in: every route is asked, by someone who knows all its ids."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.routing import APIRoute

from deploy.dashboard.routes import routers
from storage.catalog import views
from storage.catalog.records import ROLES
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.foreign import MARK, Foreign, add_foreign, state_of, upload

FORM: dict[str, Any] = {
    "uuid": "from-elsewhere",
    "revision": "1",
    "decision": "rejected",
    "to": "rejected",
    "typed": "zzsubject",
    "text": "a caption",
    "winner_id": "1",
    "loser_id": "2",
    "role": "viewer",
    "url": "s3://bucket/prefix",
    "deployment": "catalog/catalog",
    "password": "a long password",
}
LOGGED_OUT = {"/logout", "/account/sessions/end", "/account/sessions/{sha256}/end"}
"""They end the session that asks."""
NAMES_NOTHING = {"number", "kind", "name", "entity", "prompt"}
"""Parameters whose value alone is of no project."""


def routes(method: str) -> Iterator[APIRoute]:
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if method in route.methods and route.path not in LOGGED_OUT:
                yield route


def path_of(route: APIRoute, values: dict[str, str]) -> str:
    """The route's path with the foreign project's ids; a parameter without a value is one that this test must learn."""
    given = {
        "user_id": "999",
        "token_id": "999",
        "webhook_id": "999",
        "delivery_id": "999",
        "filter_id": "999",
        "secret": "no",
        "name": "zip",
        "schedule_id": "00000000-0000-0000-0000-000000000000",
    } | values
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: given[found[1]], route.path)


def names_of(route: APIRoute) -> set[str]:
    return set(re.findall(r"\{(\w+)", route.path))


@pytest.fixture
def foreign(site: Site) -> Foreign:
    with site.catalog.read() as s:
        admin = next(one.id for one in views.users(s) if one.role == "admin")
    return add_foreign(site.catalog, admin)


def leaks(text: str, foreign: Foreign, sent: set[str]) -> list[str]:
    """What an answer says of the foreign project that the request did not say itself."""
    words = {one for one in re.findall(rf"{MARK}\w+", text) if one not in sent}
    return sorted(words | {one for one in foreign.digests if one in text and one not in sent})


@pytest.mark.slow
def test_no_page_says_anything_of_another_project(site: Site, foreign: Foreign) -> None:
    sent = {*foreign.values.values(), "zzsubject"}
    asked, wrong = set[str](), list[str]()
    for role in ROLES[:-1]:
        with site.client(role) as client:
            for route in routes("GET"):
                path = path_of(route, foreign.values)
                query = {
                    one.alias: foreign.values[one.alias]
                    for one in route.dependant.query_params
                    if one.alias in foreign.values
                }
                filters = [{name: foreign.values[name]} for name in FILTERS] if route.path in FILTERED else []
                for given in ({}, query, *filters):
                    address = f"{path}?{urlencode(given)}" if given else path
                    if route.path == "/api/runs/stream":
                        with client.stream("GET", address) as stream:
                            text, status = next(part for part in stream.iter_text() if "event: runs" in part), 200
                    else:
                        answer = client.get(address)
                        text, status = answer.text, answer.status_code
                    asked.add(route.path)
                    wrong += [f"{role}: {address}: {leaks(text, foreign, sent)}"] if leaks(text, foreign, sent) else []
                    known = names_of(route) & {*foreign.values} - NAMES_NOTHING
                    if known and status not in (403, 404):
                        wrong.append(f"{role}: {address}: {status}")
                    assert status < 500 or status == 503, address
    assert wrong == []
    assert asked == {one.path for one in routes("GET")}


FILTERED = {"/outputs", "/fragments/outputs", "/fragments/count", "/api/outputs"}
FILTERS = ("subject_id", "run_id", "tag", "collection", "reviewer", "waits_for", "pose", "depth", "prompt")


@pytest.mark.slow
def test_no_write_changes_anything_of_another_project(site: Site, foreign: Foreign) -> None:
    before = state_of(site.catalog, foreign)
    sent = {*foreign.values.values(), "zzsubject"}
    wrong: list[str] = []
    for role in ROLES[:-1]:
        with site.client(role) as client:
            for route in routes("POST"):
                path = path_of(route, foreign.values)
                form = FORM | {name: value for name, value in foreign.values.items() if name not in ("name", "kind")}
                form |= {"kind": "tag", "name": "hero"}
                files = {one: ("a.png", upload(), "image/png") for one in ("mask", "image", "reference", "picture")}
                number = {name: int(value) if value.isdecimal() else value for name, value in form.items()}
                ways: list[dict[str, Any]] = [
                    {"data": form},
                    {"data": form, "files": files},
                    {"json": number},
                    {"data": form | {"off": "1"}},
                ]
                for way in ways:
                    answer = client.post(path, **way)
                    if found := leaks(answer.text, foreign, sent):
                        wrong.append(f"{role}: {path}: {found}")
                    known = names_of(route) & {*foreign.values} - NAMES_NOTHING
                    if known and answer.status_code not in (400, 403, 404, 415, 422, 503):
                        wrong.append(f"{role}: {path}: {answer.status_code}")
                    assert answer.status_code < 500 or answer.status_code == 503, (path, answer.text)
                if state_of(site.catalog, foreign) != before:
                    wrong.append(f"{role}: {path} changed it")
                    before = state_of(site.catalog, foreign)
    assert wrong == []


@pytest.mark.slow
def test_its_members_and_admins_see_all_of_it(site: Site, foreign: Foreign) -> None:
    """The other way round, so that the tests above cannot pass because nothing was there."""
    values = foreign.values
    pages = {
        "/": "zzrun",
        "/outputs": f'/outputs/{values["output_id"]}"',
        f"/outputs/{values['output_id']}": "zzsubject",
        f"/subjects/{values['subject_id']}": "zzcaption",
        "/subjects": "zzsubject",
        f"/runs/{values['run_id']}": "zzrun",
        "/bulk": "flagged",
        f"/review/{values['queue_id']}": "zzqueue",
        "/metrics": "zzrun",
        "/export": "zzsubject",
        "/audit": "zzaction",
    }
    with site.client("admin") as client:
        for path, word in pages.items():
            assert word in client.get(path).text, path
    with site.catalog.write() as s:
        from storage.catalog import writes

        member = next(one.id for one in views.users(s) if one.name == "operator")
        writes.set_member(s, foreign.project_id, member, "reviewer", actor="setup")
    with site.client("operator") as client:
        for path, word in pages.items():
            if path not in ("/audit", "/bulk"):
                assert word in client.get(path).text, path
        assert client.get(f"/outputs/{values['output_id']}/forget").status_code == 404  # it needs an operator there
        said = {"uuid": "by-the-member", "output_id": int(values["output_id"]), "revision": 2, "decision": "rejected"}
        assert client.post("/api/reviews", json=said).status_code == 200


def test_nobody_orders_an_edit_of_a_picture_that_they_do_not_see(site: Site, foreign: Foreign) -> None:
    order = "name: x\nsubjects: [{name: pip}]\nprompts: ['a {subject}']\nseeds: 1\n"
    for named in ("edit: {output: %s, keep_background: true}", "consistency: {first: %s}"):
        with site.client("operator") as client:
            sent = {"mode": "yaml", "yaml": order + named % foreign.values["output_id"]}
            said = client.post("/orders", data=sent | {"do": "order"})
        assert said.status_code == 400
        assert "is not in the catalog" in said.text
        assert MARK not in said.text
