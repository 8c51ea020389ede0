"""What cannot be meant well or read at all is a sentence, never an error of the server and never a way in."""

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute

from deploy.dashboard.gallery_filter import FIELDS
from deploy.dashboard.routes import routers
from deploy.dashboard.security.secrets import digest
from storage.catalog import Catalog, views, writes
from storage.catalog.database.base import now
from tests.deploy.dashboard.conftest import Site, serving
from tests.deploy.dashboard.test_access import filled
from tests.storage.conftest import new_database, postgres

__all__ = ["new_database", "postgres"]

NONSENSE = (
    "-1",
    "9" * 30,
    "1e400",
    "nan",
    "\0",
    "' OR 1=1 --",
    "<script>",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16") * 200,
    "[]",
    "../../etc/passwd",
    "W05hTl0",
    "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OV0",
)
"""The last two are places of pages: [NaN] and a number that no database holds."""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def anywhere(request: pytest.FixtureRequest, shared: Site) -> Iterator[Site]:
    """A dashboard over either database; that over PostgreSQL holds people and nothing else."""
    if request.param == "sqlite":
        yield shared
        return
    import psycopg

    server = request.getfixturevalue("postgres")
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE nonsense TEMPLATE migrated")
    url = server.format("nonsense")
    with Catalog.open(url) as catalog, catalog.write() as s:
        user = writes.add_user(s, name="admin", role="admin", actor="setup")
        expires = now() + timedelta(hours=1)
        writes.add_session(s, user_id=user, token_sha256=digest("cookie-of-admin"), agent="x", expires_at=expires)
    with serving(shared.home, catalog_url=url) as site:
        yield site


def questions() -> Iterator[tuple[str, list[str]]]:
    """Every page with the names that it may be asked by."""
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if "GET" in route.methods and "stream" not in route.path:
                yield filled(route.path), sorted({one.alias for one in route.dependant.query_params} | {*FIELDS})


@pytest.mark.slow  # hundreds of requests
def test_no_question_breaks_a_page(anywhere: Site) -> None:
    broken = []
    with anywhere.client() as client:
        for path, names in questions():
            for value in NONSENSE:
                asked = [dict.fromkeys(names, value)] if "outputs" not in path else [{name: value} for name in names]
                for query in asked:
                    status = client.get(path, params=query).status_code
                    if status >= 500:
                        broken.append((status, path, query))
    assert not broken


@pytest.mark.parametrize("number", ["-1", "0", "9" * 30, "9" * 5000, "1.5", "%00"])
def test_no_address_breaks_a_page(anywhere: Site, number: str) -> None:
    paths = ("outputs", "subjects", "review", "link", "pictures", "thumbs", "api/queues/x/items?start=")
    with anywhere.client() as client:
        for path in (f"/{one}/{number}" for one in paths):
            assert 400 <= client.get(path).status_code < 500 or client.get(path).status_code == 303, path
        for path in (f"/subjects/{number}/grid", f"/subjects?after={number}", f"/compare?ids={number},{number}"):
            assert client.get(path).status_code < 500, path


def test_no_form_breaks_a_page(anywhere: Site) -> None:
    paths = ("/review", "/bulk/count", "/export/zip", "/login", "/users", "/account/tokens", "/users/1", "/flows/run")
    paths += ("/orders", "/orders/check")
    with anywhere.client() as client:
        for path, value in itertools.product(paths, NONSENSE):
            names = (*FIELDS, "name", "password", "role", "scope", "days", "to", "url", "deployment", "active", "next")
            for sent in (
                {"data": dict.fromkeys(names, value)},
                {"content": value},
                {"files": {"name": value.encode()}},
            ):
                status = client.post(path, **sent).status_code  # type: ignore[arg-type]
                assert status < 500 or status == 503, (status, path, value)  # 503: no Prefect here


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[", b"null", b"[]", b"{}", b'{"uuid": 1}', b"\xff\xfe", b"[" * 50_000,
        json.dumps({"uuid": "x" * 8, "output_id": 10**30, "revision": 1, "decision": "approved"}).encode(),
        json.dumps({"uuid": "x" * 8, "output_id": 1, "revision": 10**30, "decision": "approved"}).encode(),
        json.dumps({"uuid": "x" * 8, "output_id": 1, "revision": 1, "decision": "approved", "note": "\0"}).encode(),
        json.dumps({"uuid": "x" * 8, "output_id": 1, "revision": 1, "decision": "maybe"}).encode(),
        json.dumps({"uuid": "x" * 8, "output_id": 1, "revision": 1, "decision": "approved", "more": 1}).encode(),
    ],
    ids=range(13),
)  # fmt: skip
def test_no_decision_that_cannot_be_read_breaks_or_decides_anything(anywhere: Site, body: bytes) -> None:
    with anywhere.client() as client:
        answer = client.post("/api/reviews", content=body, headers={"Content-Type": "application/json"})
    if b'"note"' in body and answer.status_code == 200:  # SQLite holds any text
        return
    assert 400 <= answer.status_code < 500
    assert "error" in answer.json()


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/..%2f..%2fcatalog.db",
        "/pictures/%2e%2e/%2e%2e/catalog.db",
        "/thumbs/..%2f..%2f..%2fcatalog.db.webp",
        "/thumbs/" + "A" * 64 + ".webp",
        "/static/..%2fsettings.py",
        "/static/%2e%2e/settings.py",
        "/static//etc/passwd",
        "/static/js/..%2f..%2fapp.py",
    ],
)
def test_a_path_leads_to_nothing_but_pictures(shared: Site, path: str) -> None:
    with shared.client() as client:
        answer = client.get(path)
    assert answer.status_code == 404
    assert b"SQLite" not in answer.content
    assert b"import" not in answer.content


def test_what_is_no_picture_is_not_handed_out_as_one(shared: Site) -> None:
    with shared.catalog.write() as s:
        writes.record_blob(s, sha256="7" * 64, size=3, content_type="application/octet-stream")
    with shared.client() as client:
        assert client.get(f"/pictures/{'7' * 64}").status_code == 404
        assert client.get(f"/thumbs/{'7' * 64}.webp").status_code == 404


def test_a_link_cannot_make_a_page_say_something(shared: Site) -> None:
    with shared.client() as client:
        assert "call+0900" not in client.get("/outputs?notice=call+0900").text
        assert "call 0900" not in client.get("/outputs?notice=call+0900").text


@pytest.mark.slow
def test_two_who_decide_at_once_are_told_apart_on_every_picture(site: Site) -> None:
    def decide(who: str, output_id: int) -> int:
        said = {"uuid": f"{who}-{output_id}", "output_id": output_id, "revision": 1, "decision": "approved"}
        with site.client(who) as client:
            return client.post("/api/reviews", json=said).status_code

    pictures = range(1, 21)
    with ThreadPoolExecutor(8) as pool:
        work = [(who, one) for one in pictures for who in ("reviewer", "operator")]
        codes = dict(zip(work, pool.map(lambda one: decide(*one), work), strict=True))
    for one in pictures:
        assert sorted(codes[who, one] for who in ("reviewer", "operator")) == [200, 409]
    with site.catalog.read() as s:
        assert [len(views.reviews_of(s, one)) for one in pictures] == [1] * len(pictures)
        assert views.decisions(s)["approved"] == len(pictures)


def test_decided_twice_at_once_by_the_same_hand_it_is_decided_once(site: Site) -> None:
    said: dict[str, Any] = {"uuid": "the-same-uuid", "output_id": 1, "revision": 1, "decision": "rejected"}

    def send(_: int) -> int:
        with site.client("reviewer") as client:
            return client.post("/api/reviews", json=said).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(send, range(12))) == {200}
    with site.catalog.read() as s:
        assert len(views.reviews_of(s, 1)) == 1
        assert len(views.audit_page(s, entity="output", entity_id="1").rows) == 1


@pytest.mark.parametrize("where", ["query", "form", "json"])
def test_a_text_that_cannot_be_seen_goes_no_further(shared: Site, where: str) -> None:
    with shared.client() as client:
        if where == "query":
            answer = client.get("/outputs", params={"q": "a\0"})
        elif where == "form":
            answer = client.post("/review", data={"q": "\u202eb"})
        else:
            answer = client.post(
                "/api/reviews",
                json={"uuid": "x" * 8, "output_id": 1, "revision": 1, "note": "\x1b[2J", "decision": "approved"},
            )
    assert answer.status_code == 400
    assert "remove it" in answer.text
