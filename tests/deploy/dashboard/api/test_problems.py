"""Every error below /api/v1 is a problem that names field and remedy, whoever makes it."""

from collections.abc import Callable

import httpx
import pytest

from deploy.dashboard.api import turns
from deploy.dashboard.api.routes import me
from tests.deploy.dashboard.api.conftest import Program, problem
from tests.deploy.dashboard.conftest import Site


def test_of_every_status(shared: Site, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    client = program(shared)
    assert "openapi.json lists" in problem(client.get("/nowhere"), 404)["detail"]
    problem(client.get("/outputs/999999"), 404)
    problem(client.delete("/subjects"), 405)
    large = client.post("/subjects", content=b"{" + b" " * 100_000, headers={"Content-Type": "application/json"})
    assert problem(large, 413)["remedy"] == "send less"
    form = problem(client.post("/reviews", data={"output_id": "1"}), 415)
    assert (form["field"], form["remedy"]) == ("Content-Type", "send application/json")
    wrong = problem(client.post("/reviews", json={"output_id": "x", "revision": 1, "rating": 9}), 422)
    assert [one["field"] for one in wrong["errors"]] == ["output_id", "rating"]
    assert problem(client.get("/subjects", params={"limit": 100_000}), 422)["field"] == "limit"
    assert problem(client.get("/outputs", params={"colour": "red"}), 422)["field"] == "colour"
    problem(client.get("/outputs", params={"lowest": "0.5"}), 422)
    monkeypatch.setattr(turns, "AT_ONCE", 0)
    busy = client.get("/me")
    assert problem(busy, 429)["remedy"]
    assert busy.headers["Retry-After"]


def test_a_number_beyond_the_catalog_is_named(shared: Site, program: Program) -> None:
    client, far = program(shared), 10**30
    said = {
        "subject_id": client.get(f"/subjects/{far}"),
        "output_id": client.post("/reviews", json={"output_id": far, "revision": 1, "decision": "approved"}),
        "filter.subject_id": client.post("/exports", json={"filter": {"prompt": "9" * 30, "subject_id": far}}),
    }
    for field, answer in said.items():
        assert problem(answer, 422)["field"] == field
    listed = client.get("/outputs", params={"subject_id": far, "prompt": "9" * 19})
    assert problem(listed, 422)["field"] == "subject_id"


def test_a_fault_of_the_server_says_nothing_of_its_inside(
    shared: Site, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(me, "Me", broken)
    answer = program(shared).get("/me")
    problem(answer, 500)
    assert "secret" not in answer.text


def test_of_the_doors_before_the_interface(shared: Site) -> None:
    problem(httpx.get(f"{shared.base}/api/v1/me", headers={"Host": "elsewhere.example"}), 400)
    problem(httpx.get(f"{shared.base}/api/v1/{'x' * 1200}"), 414)
    assert httpx.get(f"{shared.base}/nowhere").headers["content-type"] != "application/problem+json"


def test_of_services_that_are_away(start: Callable[..., Site], program: Program) -> None:
    spec = {"name": "trip", "subjects": [{"name": "pip"}], "prompts": ["a {subject}"], "seeds": [1]}
    away = program(start(prefect_api="http://127.0.0.1:9/api")).post("/runs", json={"spec": spec})
    assert "is it running?" in problem(away, 503)["detail"]
    assert away.headers["Retry-After"] == "10"
    problem(program(start()).post("/runs", json={"spec": spec}), 503)
