"""Each resource: pages, uploads and subjects, decisions, exports and pictures with their marks."""

import io
import json
import zipfile
from collections.abc import Callable
from importlib import import_module
from typing import Any

import httpx
import pytest
from PIL import Image

from deploy.marks.inspection import inspect
from deploy.marks.settings import MarkSettings
from storage.catalog import views
from storage.keys import blob_key
from storage.objects import DiskStore
from tests.deploy.dashboard.api.conftest import Program, problem
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.made_up import plain, png


def walk(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    """All rows of a list, by its Link headers."""
    rows: list[dict[str, Any]] = []
    answer = client.get(path, params=query)
    while True:
        assert answer.status_code == 200, answer.text
        rows += answer.json()["items"]
        if "next" not in answer.links:
            assert answer.json()["next"] is None
            return rows
        answer = client.get(str(answer.links["next"]["url"]).removeprefix("/api/v1"))


def run_of(client: httpx.Client) -> str:
    (run,) = client.get("/runs").json()["items"]
    return str(run["id"])


def test_pages_go_through_everything_once(shared: Site, program: Program) -> None:
    client = program(shared, "viewer")
    outputs = walk(client, "/outputs", limit=100)
    assert [one["id"] for one in outputs] == list(range(240, 0, -1))
    assert len(walk(client, "/outputs", limit=50, prompt="snow")) == 120
    run = run_of(client)
    cells = walk(client, f"/runs/{run}/cells", limit=77)
    assert [one["position"] for one in cells] == sorted({one["position"] for one in cells})
    assert {one["output_id"] for one in cells} <= {one["id"] for one in outputs}
    assert [one["name"] for one in walk(client, "/subjects", limit=1)] == ["momo", "pip"]
    assert client.get(f"/cells/{cells[0]['digest']}").json()["settings"]
    assert client.get("/outputs/1").json()["subjects"][0]["name"] == "pip"
    assert client.get(f"/runs/{run}/spec").status_code == 200
    assert client.get(f"/runs/{run}/metrics").json()["images"]["generated"] == 240
    assert client.get("/metrics").json()["decisions"]["none"] == 240


def test_a_cursor_is_of_its_list_alone(shared: Site, program: Program) -> None:
    client = program(shared)
    for path in ("/runs", "/subjects", "/outputs", "/exports", "/uploads", f"/runs/{run_of(client)}/cells"):
        for cursor in ("x", "WzFd" * 20, "eyJhIjoxfQ", "W251bGxd", "WyIiLCIiXQ"):
            problem(client.get(path, params={"cursor": cursor}), 422)


def test_rows_that_are_added_do_not_shift_a_page(site: Site, program: Program) -> None:
    client = program(site, "operator")
    first = client.get("/subjects", params={"limit": 1}).json()
    upload = client.post("/uploads", content=png(plain(0, -1, 0)), headers={"Content-Type": "image/png"}).json()
    new = {"name": "bolt", "class_word": "robot", "reference": upload["sha256"]}
    assert client.post("/subjects", json=new).status_code == 201
    second = client.get("/subjects", params={"limit": 1, "cursor": first["next"]}).json()
    assert [one["items"][0]["name"] for one in (first, second)] == ["momo", "pip"]


def test_a_subject_of_uploads_is_added_once_and_of_ones_own_alone(site: Site, program: Program) -> None:
    client = program(site, "operator")
    image = png(plain(0, -1, 0))
    sent = client.post("/uploads", content=image, headers={"Content-Type": "image/png"})
    assert sent.status_code == 201
    upload = sent.json()
    assert (
        client.post("/uploads", content=image, headers={"Content-Type": "image/png"}).json()["sha256"]
        == upload["sha256"]
    )
    assert [one["sha256"] for one in client.get("/uploads").json()["items"]] == [upload["sha256"]]
    new = {"name": "bolt", "class_word": "robot", "reference": upload["sha256"]}
    others = program(site, "admin").post("/subjects", json=new)
    assert "no upload of yours" in problem(others, 422)["detail"]
    with site.catalog.read() as s:
        picture = views.output(s, 1).image_sha256
    problem(client.post("/subjects", json=new | {"reference": picture}), 422)
    made = client.post("/subjects", json=new)
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/subjects/{made.json()['id']}"
    assert client.post("/subjects", json=new).json() == made.json()
    taken = problem(client.post("/subjects", json=new | {"class_word": "bear"}), 409)
    assert "bolt" in taken["detail"]
    lost = client.post("/uploads", content=png(plain(0, -2, 0)), headers={"Content-Type": "image/png"}).json()["sha256"]
    DiskStore(site.home / "objects").delete(blob_key(lost))
    said = problem(client.post("/subjects", json=new | {"name": "nut", "reference": lost}), 422)
    assert (said["field"], "POST the image to /uploads" in said["detail"]) == ("reference", True)


def test_what_is_no_image_within_limits_is_refused(start: Callable[..., Site], program: Program) -> None:
    client = program(start(max_upload=200_000), "operator")

    def sent(data: bytes, kind: str = "image/png") -> httpx.Response:
        return client.post("/uploads", content=data, headers={"Content-Type": kind})

    problem(sent(b"GIF89a", "image/gif"), 415)
    for data in (b"", b"\x89PNG\r\n\x1a\n broken", b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        assert problem(sent(data), 422)["field"] == "body"
    assert "Content-Type says" in problem(sent(png(plain(0, 0, 0)), "image/jpeg"), 422)["detail"]
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 200_000
    problem(sent(bomb.getvalue()), 422)
    problem(sent(b"x" * 200_001), 413)
    with client.stream(
        "POST", "/uploads", content=iter([b"x" * 60_000] * 5), headers={"Content-Type": "image/png"}
    ) as answer:
        answer.read()
        problem(answer, 413)


def test_two_people_have_to_approve_whatever_token_they_have(start: Callable[..., Site], program: Program) -> None:
    site = start(approvals=2)
    first, same, second = program(site, "reviewer"), program(site, "reviewer"), program(site, "operator")
    yes = {"output_id": 1, "decision": "approved"}
    assert first.post("/reviews", json=yes | {"revision": 1}).json()["decision"] == "none"
    said = same.post("/reviews", json=yes | {"revision": 2}).json()
    assert (said["decision"], said["approvals"], said["needed"]) == ("none", 1, 2)
    assert second.post("/reviews", json=yes | {"revision": 3}).json()["decision"] == "approved"
    stale = problem(second.post("/reviews", json=yes | {"revision": 3}), 409)
    assert stale["revision"] == 4
    assert [one["reviewer"] for one in first.get("/outputs/1/reviews").json()] == ["reviewer", "reviewer", "operator"]


def test_a_rejection_has_one_of_the_teams_reasons(site: Site, program: Program) -> None:
    client = program(site, "reviewer")
    no = {"output_id": 1, "revision": 1, "decision": "rejected", "reason": "face", "note": "two noses"}
    problem(client.post("/reviews", json=no | {"reason": "ugly"}), 422)
    problem(client.post("/reviews", json=no | {"decision": "approved"}), 422)
    problem(client.post("/reviews", json={"output_id": 1, "revision": 1}), 422)
    assert client.post("/reviews", json=no).json()["decision"] == "rejected"
    assert client.get("/outputs/1/reviews").json()[0]["note"] == "face: two noses"
    undone = client.post("/reviews", json={"output_id": 1, "revision": 2, "undo": True})
    assert undone.json()["decision"] == "none"


def test_an_export_of_more_than_it_can_hold_is_refused_not_shortened(
    site: Site, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = program(site, "reviewer")
    monkeypatch.setattr(import_module("deploy.dashboard.routes.review.export"), "MOST", 2)
    for output in (1, 2, 3):
        site.say("reviewer", output, "approved", 1)
    answer = client.post("/exports", json={})
    problem(answer, 422)
    assert (answer.json()["field"], "more than 2 approved images match; narrow it" in answer.text) == ("filter", True)
    site.say("reviewer", 2, "rejected", 2)
    assert client.post("/exports", json={}).json()["pictures"] == 2


def test_an_export_is_frozen_fetched_again_and_marked(site: Site, program: Program) -> None:
    client = program(site, "reviewer")
    problem(client.post("/exports", json={}), 422)
    for output in (1, 2, 3):
        site.say("reviewer", output, "approved", 1)
    made = client.post("/exports", json={"filter": {"run": run_of(client)}, "captions": True})
    assert made.status_code == 201, made.text
    export = made.json()
    assert (export["state"], export["pictures"], export["left_out"]) == ("ready", 3, 0)
    site.say("operator", 4, "approved", 1)
    site.say("operator", 2, "rejected", 2)
    assert client.get(f"/exports/{export['id']}").json()["left_out"] == 1
    answer = client.get(f"/exports/{export['id']}/file")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        entries = [json.loads(line) for line in packed.read("manifest.jsonl").decode().splitlines()]
        assert [one["output_id"] for one in entries] == [3, 1]
        assert all(one["reviewer"] == "reviewer" and one["marks"] for one in entries)
        picture = packed.read(entries[0]["file"])
    keys = MarkSettings.load(site.home).keys
    assert inspect(picture, keys).state == "trusted"
    lines = client.get(f"/exports/{export['id']}/manifest").text.splitlines()
    assert [json.loads(line)["output_id"] for line in lines] == [3, 1]
    single = client.get(json.loads(lines[0])["picture"].removeprefix("/api/v1"))
    assert inspect(single.content, keys).state == "trusted"
    problem(program(site, "operator").get(f"/exports/{export['id']}/file"), 404)
    assert [one["id"] for one in client.get("/exports").json()["items"]] == [export["id"]]
    with site.catalog.read() as s:
        actions = [one.action for one in views.audit_page(s, actor="reviewer").rows]
    assert actions[:4] == ["export", "fetch export", "fetch export", "export"]


def test_a_licence_behind_a_picture_holds_here_too(site: Site, program: Program, monkeypatch: Any) -> None:
    client = program(site, "reviewer")
    site.say("reviewer", 1, "approved", 1)
    monkeypatch.setenv("DREAMTUNER_PURPOSE", "nonsense")
    for refused in (client.post("/exports", json={}), client.get("/outputs/1/picture")):
        assert "DREAMTUNER_PURPOSE" in problem(refused, 422)["detail"]
