"""Orders: priced by a dry run, placed once, found by their own id, and cancelled."""

from collections.abc import Iterator
from typing import Any

import pytest

from storage.catalog import views, writes
from tests.deploy.dashboard.api.conftest import Program, problem
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.orders import Orders, orders

SPEC: dict[str, Any] = {
    "name": "trip",
    "subjects": [{"name": "pip"}],
    "prompts": ["a {style} of a {subject} on the beach"],
    "seeds": ["1-4"],
}


@pytest.fixture
def taking() -> Iterator[Orders]:
    with orders() as taken:
        yield taken


def test_a_dry_run_prices_and_orders_nothing(start: Any, program: Program, taking: Orders) -> None:
    client = program(start(prefect_api=taking.api), "operator")
    answer = client.post("/runs", params={"dry_run": True}, json={"spec": SPEC})
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    assert (plan["cells"], plan["existing"] + plan["to_make"], plan["subjects"]) == (4, 4, 1)
    assert {one["kind"] for one in plan["work"]} >= {"generate"}
    assert "device_seconds" in plan
    yaml = "name: trip\nsubjects: [{name: pip}]\nprompts: ['a {style} of a {subject} on the beach']\nseeds: ['1-4']\n"
    assert client.post("/specs", json={"yaml": yaml}).json() == plan
    assert taking.taken == []


def test_an_order_is_placed_once_and_found_before_and_after_it_begins(
    start: Any, program: Program, taking: Orders
) -> None:
    site = start(prefect_api=taking.api)
    client = program(site, "operator")
    key = {"Idempotency-Key": "order-1"}
    placed = client.post("/runs", json={"spec": SPEC}, headers=key)
    assert placed.status_code == 202, placed.text
    assert client.post("/runs", json={"spec": SPEC}, headers=key).json() == placed.json()
    ((deployment, given),) = taking.taken
    assert deployment == "catalog/catalog"
    assert given["spec"]["name"] == "trip"
    order = placed.json()["id"]
    assert placed.headers["Location"] == f"/api/v1/runs/{order}"
    assert client.get(f"/runs/{order}").json()["state"] == "ordered"
    with site.catalog.write() as s:
        run = writes.start_run(s, name="trip", spec=SPEC, flow_run_id=order)
    for known_as in (order, run):
        found = client.get(f"/runs/{known_as}").json()
        assert (found["id"], found["order"], found["state"]) == (run, order, "running")
    assert client.post(f"/runs/{order}/cancel").status_code == 202
    with site.catalog.read() as s:
        assert views.run(s, run).cancelled_by == "operator"
        (line,) = views.audit_page(s, action="start flow").rows
    assert (line.actor, line.entity_id) == ("operator", order)
    problem(client.get("/runs/unknown"), 404)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"seeds": []}, "spec.seeds"),
        ({"colour": 1}, "spec.colour"),
        ({"prompts": ["no placeholder"]}, "spec.prompts.0"),
        ({"subjects": [{"name": "nobody"}]}, None),
        (
            {"subjects": [{"name": "new", "class_word": "bear", "reference": "/etc/passwd"}]},
            "spec.subjects.0.reference",
        ),
        ({"subjects": [{"name": "pip", "mask": "../../x.png"}]}, "spec.subjects.0.mask"),
        ({"poses": ["file:///etc/passwd"]}, "spec.poses.0"),
        ({"profile": "nowhere"}, "spec.profile"),
    ],
)
def test_what_a_spec_may_not_say_is_named(change: dict[str, Any], field: str, shared: Site, program: Program) -> None:
    found = problem(program(shared).post("/specs", json={"spec": SPEC | change}), 422)
    if field is not None:
        assert found["field"] == field
    assert found["detail"]


def test_a_body_is_a_spec_or_yaml(shared: Site, program: Program) -> None:
    client = program(shared)
    for body in (
        {},
        {"spec": SPEC, "yaml": "x"},
        {"yaml": "- 1"},
        {"yaml": "a: [" + "[" * 5000},
        {"yaml": "!!python/object:os.system x"},
    ):
        problem(client.post("/specs", json=body), 422)


def test_yaml_that_grows_by_its_aliases_is_refused_at_once(shared: Site, program: Program) -> None:
    levels = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    bomb = f"a0: &a0 [x]\n{levels}name: trip\nprompts: *a11\n"
    assert "aliases" in problem(program(shared).post("/specs", json={"yaml": bomb}), 422)["detail"]
    long = problem(program(shared).post("/specs", json={"yaml": "x" * 1_200_000}), 413)
    assert long["remedy"] == "send less"
