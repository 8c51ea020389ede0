"""Programs see what the owner of their token sees: every route is asked for what is of another project."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from deploy.dashboard.api.routes import routers
from storage.catalog import views, writes
from tests.deploy.dashboard.api.conftest import Program
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.foreign import MARK, Foreign, add_foreign, state_of

OTHERS = {"export_id": "none", "webhook_id": "none", "delivery_id": "1"}
"""Parameters of what is a person's, or admins' alone."""


@pytest.fixture
def foreign(site: Site) -> Foreign:
    with site.catalog.read() as s:
        admin = next(one.id for one in views.users(s) if one.role == "admin")
    return add_foreign(site.catalog, admin)


def asked(method: str, values: dict[str, str]) -> list[tuple[str, set[str]]]:
    """Each route's path with the foreign ids, and which of these it names."""
    found = []
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and method in route.methods:
                path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda one: (OTHERS | values)[one[1]], route.path)
                found.append((path, set(re.findall(r"\{(\w+)", route.path)) - {*OTHERS}))
    return found


def test_no_answer_says_anything_of_another_project(site: Site, foreign: Foreign, program: Program) -> None:
    sent, wrong, before = {*foreign.values.values()}, list[str](), state_of(site.catalog, foreign)
    output = int(foreign.values["output_id"])
    said = {"uuid": "of-a-program", "output_id": output, "revision": 2, "decision": "rejected"}
    bodies: list[Any] = [{}, said, {"filter": {"run_id": foreign.values["run_id"]}}, {"name": "zzsubject"}]
    with program(site, "operator") as client:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            for path, named in asked(method, foreign.values):
                for body in bodies if method in ("POST", "PATCH") else [None]:
                    answer = client.request(method, path, json=body)
                    text = answer.text
                    words = {one for one in re.findall(rf"{MARK}\w+", text) if one not in sent | {"zzsubject"}}
                    words |= {one for one in foreign.digests if one in text and one not in sent}
                    if words or answer.status_code >= 500:
                        wrong.append(f"{method} {path}: {answer.status_code} {sorted(words)}")
                    if named and answer.status_code not in (403, 404):
                        wrong.append(f"{method} {path}: {answer.status_code}")
        filtered = [f"outputs?{name}={foreign.values[name]}" for name in ("run_id", "subject_id")]
        for path in filtered:
            assert MARK not in client.get(path).text.replace(foreign.values["run_id"], "")
    assert wrong == []
    assert state_of(site.catalog, foreign) == before


def test_a_member_sees_it_and_does_what_their_role_there_allows(site: Site, foreign: Foreign, program: Program) -> None:
    with site.catalog.write() as s:
        operator = next(one.id for one in views.users(s) if one.name == "operator")
        writes.set_member(s, foreign.project_id, operator, "viewer", actor="setup")
    run, output = foreign.values["run_id"], foreign.values["output_id"]
    with program(site, "operator") as client:
        assert client.get(f"/runs/{run}").json()["name"] == "zzrun"
        assert client.get(f"/outputs/{output}").status_code == 200
        assert client.post(f"/runs/{run}/cancel").status_code == 404  # it needs an operator there
        assert client.get(f"/outputs/{output}/picture").status_code == 404
