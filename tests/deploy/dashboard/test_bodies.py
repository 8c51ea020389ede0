"""How much of a body is read: by whom, for which route, announced or not."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from deploy.dashboard.access.bodies import FORM, KIB, STRANGER, TABLE, Files
from deploy.dashboard.app import create_app
from deploy.dashboard.routes import routers
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.test_access import filled, token

MASK = "/subjects/{subject_id:int}/references/{reference_id:int}/mask"
WRITES = [
    route.path
    for router in routers
    for route in router.routes
    if isinstance(route, APIRoute) and "POST" in route.methods and "logout" not in route.path
]
JSON = {"Content-Type": "application/json"}
FIELDS = {"Content-Type": "application/x-www-form-urlencoded"}


def pieces(size: int) -> Iterator[bytes]:
    """A body that does not announce its size."""
    for _ in range(size // KIB):
        yield b"x" * KIB


@pytest.mark.parametrize("announced", [True, False])
def test_of_a_strangers_body_sixteen_kibibytes_are_read(shared: Site, announced: bool) -> None:
    with shared.client("") as client:
        for path in WRITES:
            body = b"x" * (1024 * KIB) if announced else pieces(1024 * KIB)
            answer = client.post(filled(path), content=body, headers=JSON if "api" in path else FIELDS)
            assert answer.status_code == 413, path
            assert "16,384 bytes" in answer.text
            assert answer.headers["content-security-policy"]
        assert client.post("/login", content=b"x" * STRANGER, headers=FIELDS).status_code != 413


@pytest.mark.parametrize(
    ("who", "path", "most"),
    [
        ("reviewer", "/api/reviews", TABLE["/api/reviews"]),
        ("viewer", "/api/reviews", STRANGER),  # who may not use a route may not send to it either
        ("reviewer", "/bulk/count", FORM),
        ("operator", "/flows/run", TABLE["/flows/run"]),
        ("reviewer", MASK, STRANGER),
        ("viewer", "/no/such/route", None),
    ],
)
def test_of_a_persons_body_what_the_route_takes_is_read(shared: Site, who: str, path: str, most: int | None) -> None:
    headers = JSON if "api" in path else FIELDS
    with shared.client(who) as client:
        for size, refused in ((most or FORM, False), ((most or FORM) + KIB, most is not None)):
            for body in (b"x" * size, pieces(size)):
                answer = client.post(filled(path), content=body, headers=headers)
                assert (answer.status_code == 413) is refused, (size, answer.status_code)
                assert not refused or f"{most:,} bytes" in answer.text


def test_a_token_is_somebody(shared: Site) -> None:
    headers = JSON | token(shared, "admin", "reviewer")
    with shared.client("") as client:
        assert client.post("/api/reviews", content=b"x" * (20 * KIB), headers=headers).status_code != 413
        assert client.post("/api/reviews", content=b"x" * (40 * KIB), headers=headers).status_code == 413
        wrong = JSON | {"Authorization": "Bearer guess"}
        assert client.post("/api/reviews", content=b"x" * (20 * KIB), headers=wrong).status_code == 413


def test_an_upload_may_be_as_large_as_the_settings_say(start: Any) -> None:
    site: Site = start(max_upload=100 * KIB)
    with site.client("operator") as client:
        path = filled(MASK)
        taken = client.post(path, files={"mask": b"x" * (100 * KIB)})
        assert (taken.status_code, "not a PNG" in taken.text) == (400, True)
        assert client.post(path, files={"mask": b"x" * (200 * KIB)}).status_code == 413
        both = {"reference": b"x" * (100 * KIB), "mask": b"x" * (100 * KIB)}
        fields = {"name": "new", "class_word": "bear", "style": "natural"}
        assert client.post("/subjects", files=both, data=fields).status_code == 400  # no pictures, and not too large
        assert client.post("/subjects", files=both | {"mask": b"x" * (1000 * KIB)}, data=fields).status_code == 413


def test_every_route_that_takes_a_file_says_how_large_it_may_be() -> None:
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            files = [one for one in route.dependant.body_params if "UploadFile" in str(one.field_info.annotation)]
            assert not files or isinstance(TABLE.get(route.path), Files), route.path


def test_no_more_than_the_limit_is_ever_taken_from_a_stranger(shared: Site) -> None:
    """The application is handed an endless body: it stops asking, answers, and lets go of what it took."""
    app = create_app(shared.settings)
    taken = 0
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 16 * KIB
        return {"type": "http.request", "body": b"x" * (16 * KIB), "more_body": True}

    async def send(message: Any) -> None:
        said.append((message, taken))

    async def ask() -> None:
        headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"accept", b"text/html")]
        scope = {"type": "http", "method": "POST", "path": "/api/reviews", "query_string": b"", "headers": headers}
        scope |= {"asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "raw_path": b"/api/reviews"}
        scope |= {"root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "app": app}
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    asyncio.run(ask())
    start, read = said[0]
    assert (start["status"], read) == (413, 32 * KIB)  # the second piece is one too many
    assert (b"connection", b"close") in start["headers"]
    assert taken <= 5 * 1024 * KIB  # thrown away, so that whoever is still sending gets to read the answer


def test_the_answer_is_a_page_for_people(shared: Site) -> None:
    with httpx.Client(base_url=shared.base, headers={"Accept": "text/html", "Origin": shared.base}) as client:
        answer = client.post("/login", content=b"x" * FORM, headers=FIELDS)
    assert answer.status_code == 413
    assert "<!doctype html>" in answer.text
