"""A POST under a key makes one thing: sent twice, by two at once, or after a process was killed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import update

from storage.catalog import views
from storage.catalog.database.base import now
from storage.catalog.schema import KeyedRequest
from tests.deploy.dashboard.api.conftest import Program, problem
from tests.deploy.dashboard.conftest import Site

KEY = "Idempotency-Key"
YES: dict[str, Any] = {"output_id": 1, "revision": 1, "decision": "approved"}


def decide(client: httpx.Client, key: str, **more: Any) -> httpx.Response:
    return client.post("/reviews", json=YES | more, headers={KEY: key})


def reviews_of(site: Site, output_id: int) -> int:
    with site.catalog.read() as s:
        return len(views.reviews_of(s, output_id))


def test_the_same_request_gets_the_same_answer_and_another_is_refused(site: Site, program: Program) -> None:
    client = program(site, "reviewer")
    first = decide(client, "one")
    assert first.status_code == 201
    again = decide(client, "one")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert problem(decide(client, "one", rating=5), 422)["field"] == KEY
    assert reviews_of(site, 1) == 1
    # the key is the person's: another one's is another key
    assert decide(program(site, "operator"), "one", output_id=2).status_code == 201
    for bad in ("", "x" * 201, "a\tb"):
        problem(decide(client, bad), 400)


def test_a_request_that_fails_leaves_its_key_free(site: Site, program: Program) -> None:
    client = program(site, "reviewer")
    problem(decide(client, "k", revision=7), 409)
    assert decide(client, "k").status_code == 201


def test_two_at_once_make_one(site: Site, program: Program) -> None:
    client = program(site, "reviewer")
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: decide(client, "same"), range(6)))
    assert {one.status_code for one in answers} <= {201, 409}
    assert any(one.status_code == 201 for one in answers)
    assert all("Retry-After" in one.headers for one in answers if one.status_code == 409)
    assert reviews_of(site, 1) == 1


def test_after_a_kill_in_the_middle_the_same_request_goes_on(site: Site, program: Program) -> None:
    client = program(site, "reviewer")
    assert decide(client, "k").status_code == 201
    with site.catalog.write() as s:  # as if the process had died between deciding and keeping the answer
        gone = {"status": None, "headers": None, "body": None}
        s.execute(update(KeyedRequest).values(**gone, leased_until=now() + timedelta(minutes=1)))
    waiting = decide(client, "k")
    assert problem(waiting, 409)["field"] == KEY
    assert 0 < int(waiting.headers["Retry-After"]) <= 5
    with site.catalog.write() as s:
        s.execute(update(KeyedRequest).values(leased_until=now() - timedelta(seconds=1)))
    again = decide(client, "k")
    assert (again.status_code, again.json()["decision"]) == (201, "approved")
    assert reviews_of(site, 1) == 1


def test_keys_are_forgotten_after_a_day(site: Site, program: Program) -> None:
    client = program(site, "reviewer")
    assert decide(client, "k").status_code == 201
    with site.catalog.write() as s:
        s.execute(update(KeyedRequest).values(expires_at=now() - timedelta(seconds=1)))
    problem(decide(client, "k"), 409)  # worked on anew: somebody decided since
