"""What is sent to break in or to break down is a problem, and nothing else happens."""

import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from storage.catalog import views
from tests.deploy.dashboard.api.conftest import Program, problem
from tests.deploy.dashboard.conftest import Site

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 20_000,
        b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
        b"[" * 40 + b"]" * 40,
        b'{"output_id": NaN, "revision": 1}',
        b'{"output_id": Infinity}',
        b'{"output_id": 1' + b"0" * 5_000 + b"}",
        b'{"output_id": 99999999999999999999999, "revision": 1, "decision": "approved"}',
        b'{"output_id": 1, "revision": 1, "decision": "approved", "note": "a\\u0000b"}',
        b'{"output_id": 1, "revision": 1, "decision": "approved", "note": "\\ud800"}',
        b'{"output_id": 1, "revision": 1, "decision": "approved", "note": "\\u202e"}',
        b'\xff\xfe{"output_id": 1}',
        b"null",
        b'"text"',
        b"",
        b"{",
    ],
    ids=lambda one: one[:24].decode("ascii", "replace"),
)
def test_json_that_is_none_or_a_bomb(body: bytes, shared: Site, program: Program) -> None:
    answer = program(shared, "reviewer").post("/reviews", content=body, headers=JSON)
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code)
    with shared.catalog.read() as s:
        assert views.output(s, 1).revision == 1


@pytest.mark.parametrize(
    "path",
    [
        "/runs/..%2f..%2f..%2fetc%2fpasswd",
        "/cells/..%2f..%2fcatalog.db",
        "/exports/%00",
        "/runs/%00",
        "/cells/%27%20OR%201=1--",
        "/webhooks/..%2fx/deliveries",
        "/subjects/1%20OR%201=1",
        "/subjects/99999999999999999999999",
        "/outputs/-1",
        "/outputs?prompt=%00",
        "/outputs?lowest=nan&metric=clip_i",
        "/outputs?subject_id=99999999999999999999999",
        "//runs",
    ],
)
def test_addresses_that_mean_something_else(path: str, shared: Site, program: Program) -> None:
    answer = program(shared).get(path)
    assert answer.status_code in (404, 422), answer.text
    problem(answer, answer.status_code)


def test_a_header_cannot_be_split_by_what_is_sent(shared: Site, program: Program) -> None:
    client = program(shared)
    answer = client.get("/outputs", params={"limit": 1, "prompt": "a b\r\nSet-Cookie: x=1"})
    assert "set-cookie" not in answer.headers
    with socket.create_connection((urlsplit(shared.base).hostname, urlsplit(shared.base).port)) as raw:
        raw.sendall(b"POST /api/v1/reviews HTTP/1.1\r\nHost: 127.0.0.1\r\nIdempotency-Key: a\r\n\x00X: 1\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_a_body_without_a_length_is_cut_off(shared: Site, program: Program) -> None:
    def endless() -> object:
        yield from (b" " * 65_536 for _ in range(200))

    answer = program(shared, "viewer", ["read"]).post("/specs", content=endless(), headers=JSON)  # type: ignore[arg-type]
    problem(answer, 413)
    stranger = httpx.post(f"{shared.base}/api/v1/uploads", content=b"x" * 20_000, headers={"Content-Type": "image/png"})
    assert stranger.status_code in (401, 413)


def test_ones_export_is_not_anothers(site: Site, program: Program) -> None:
    site.say("reviewer", 1, "approved", 1)
    made = program(site, "reviewer").post("/exports", json={}).json()
    other = program(site, "admin")
    for path in ("", "/file", "/manifest"):
        problem(other.get(f"/exports/{made['id']}{path}"), 404)
    assert other.get("/exports").json()["items"] == []


def test_a_scope_cannot_be_widened_by_a_second_header_or_a_query(shared: Site, program: Program) -> None:
    client = program(shared, "viewer", ["read"])
    problem(client.post("/reviews?scope=review", json={"output_id": 1, "revision": 1, "decision": "approved"}), 403)
    problem(client.get("/me", headers={"Authorization": "Basic YTpi"}), 401)
    problem(client.get("/me", headers={"Authorization": "Bearer"}), 401)
    token = client.headers["Authorization"].split()[1]
    problem(httpx.get(f"{shared.base}/api/v1/me?access_token={token}"), 401)
    assert json.loads(client.get("/me").text)["rights"] == ["read"]
