"""Webhooks: what is told and when, signed, tried again, given up, and never to an address that is not meant."""

import asyncio
import base64
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from deploy.dashboard.resources import Resources
from deploy.dashboard.security.address import Network
from deploy.dashboard.webhooks import request, sender
from deploy.dashboard.webhooks.addresses import demand_address
from storage.catalog import Catalog, views, writes
from storage.catalog.database.base import now
from storage.catalog.records import CatalogError
from storage.catalog.schema import Delivery, Webhook
from storage.catalog.writes.machines.deliveries import DEAD, PAUSES
from tests.deploy.dashboard.api.conftest import Program, problem
from tests.deploy.dashboard.conftest import Site

LOCAL: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)


@dataclass
class Receiver:
    """A team's server: what it got, and what it answers."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: int = 204
    location: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


@dataclass
class Hooked:
    """A catalog with a webhook that nobody's loop looks at: the test does."""

    known: Any
    id: str
    secret: str

    def look(self) -> bool:
        return bool(self.known.catalog.transact(writes.enter_run_events))

    def send(self) -> None:
        asyncio.run(sender.send_due(self.known))

    def deliveries(self) -> list[Any]:
        with self.known.catalog.read() as s:
            return list(views.deliveries_page(s, self.id, after=None, limit=100).rows)

    def hook(self) -> Any:
        with self.known.catalog.read() as s:
            return views.webhook(s, self.id)

    def due_now(self) -> None:
        with self.known.catalog.write() as s:
            s.execute(update(Delivery).values(next_at=now() - timedelta(seconds=1), leased_until=None))


@pytest.fixture
def hooked(catalog: Catalog, receiver: Receiver) -> Hooked:
    return hook_on(catalog, receiver.url)


def hook_on(catalog: Catalog, url: str) -> Hooked:
    class Known:
        class settings:
            webhook_networks = LOCAL

        prefect: Any = None

    Known.catalog = catalog  # type: ignore[attr-defined]
    with catalog.write() as s:
        user = writes.add_user(s, name="robot", role="admin", actor="setup")
        events: Any = ("run.ready", "run.failed", "run.approved")
        secret = writes.add_webhook(s, id="wh_1", user_id=user, url=url, events=events, actor="robot")
    return Hooked(Known(), "wh_1", secret)


@pytest.fixture
def catalog(tmp_path: Any) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as opened:
        yield opened


def a_run(catalog: Catalog, state: Any = "completed", name: str = "trip") -> str:
    with catalog.write() as s:
        run = writes.start_run(s, name=name, spec={}, flow_run_id=None)
        if state != "running":
            writes.finish_run(s, run, state, reason="why" if state != "completed" else None)
    return run


def test_a_request_is_signed_over_id_time_and_body_and_says_no_name(hooked: Hooked, receiver: Receiver) -> None:
    run = a_run(hooked.known.catalog, name="the name of a child")
    hooked.look()
    hooked.send()
    ((headers, body),) = receiver.got
    key = base64.b64decode(hooked.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    told = json.loads(body)
    assert (told["type"], told["data"]["run_id"], told["data"]["state"]) == ("run.ready", run, "completed")
    assert b"child" not in body
    (one,) = hooked.deliveries()
    assert (one.state, one.attempts, one.status) == ("delivered", 1, 204)
    assert one.event_id == headers["webhook-id"]


def test_each_event_of_a_run_is_told_once_however_often_is_looked(hooked: Hooked, receiver: Receiver) -> None:
    catalog = hooked.known.catalog
    ends = {state: a_run(catalog, state) for state in ("completed", "failed", "crashed", "cancelled", "running")}
    for _ in range(3):
        hooked.look()
        hooked.send()
    told = {(json.loads(body)["type"], json.loads(body)["data"]["run_id"]) for _, body in receiver.got}
    assert len(receiver.got) == 4
    assert told == {
        ("run.ready", ends["completed"]),
        *(("run.failed", ends[one]) for one in ("failed", "crashed", "cancelled")),
    }
    with catalog.write() as s:  # it goes on and ends again
        writes.finish_run(s, ends["failed"], "failed")
        writes.finish_run(s, ends["crashed"], "completed")
    hooked.look()
    hooked.send()
    assert [json.loads(body)["type"] for _, body in receiver.got[4:]] == ["run.ready"]


def test_what_ended_before_a_webhook_was_there_is_not_told(catalog: Catalog, receiver: Receiver) -> None:
    a_run(catalog)
    hooked = hook_on(catalog, receiver.url)
    hooked.look()
    assert hooked.deliveries() == []


def test_a_run_is_approved_when_nothing_of_it_waits_any_more(site: Site, program: Program) -> None:
    client = program(site)
    made = {"url": "https://example.com/hook", "events": ["run.approved"]}
    with site.catalog.write() as s:
        writes.add_webhook(s, id="wh_1", user_id=1, url=made["url"], events=["run.approved"], actor="t")  # type: ignore[list-item]
        (run,) = (one.id for one in views.recent_runs(s))
        writes.finish_run(s, run, "completed")
        outputs = s.scalars(select(views_output_ids())).all()
        writes.begin_batch(s, id="b", reviewer="reviewer", decision="rejected", filter={})
        seen = [writes.Seen(one, 1) for one in outputs if one != 1]
        writes.decide_part(s, "b", seen, approvals_needed=1)

    def kinds() -> list[str]:
        for _ in range(2):
            site.catalog.transact(writes.enter_run_events)
        rows = client.get("/webhooks/wh_1/deliveries").json()["items"]
        return [one["event"] for one in rows]

    assert kinds() == []
    site.say("reviewer", 1, "flagged", 1)
    assert kinds() == []
    site.say("reviewer", 1, "approved", 2)
    assert kinds() == ["run.approved"]
    site.say("reviewer", 1, "rejected", 3)
    site.say("reviewer", 1, "approved", 4)
    assert kinds() == ["run.approved"]


def views_output_ids() -> Any:
    from storage.catalog.schema import Output

    return Output.id


def test_pauses_grow_and_the_receiver_gets_the_same_again(hooked: Hooked, receiver: Receiver) -> None:
    receiver.status = 500
    a_run(hooked.known.catalog)
    hooked.look()
    hooked.send()
    hooked.send()  # not due yet
    assert len(receiver.got) == 1
    before = hooked.deliveries()[0]
    assert before.state == "waiting"
    assert PAUSES[0] - 1 <= (before.next_at - now()).total_seconds() <= 1.2 * PAUSES[0]
    assert before.error == "it answered 500"
    receiver.status = 200
    hooked.due_now()
    hooked.send()
    (first, first_body), (second, second_body) = receiver.got
    assert (first["webhook-id"], first_body) == (second["webhook-id"], second_body)
    assert hooked.deliveries()[0].state == "delivered"
    assert hooked.hook().failures == 0


def test_a_delivery_is_given_up_in_the_end_and_sent_again_on_request(hooked: Hooked, receiver: Receiver) -> None:
    receiver.status = 503
    a_run(hooked.known.catalog)
    hooked.look()
    for _ in range(len(PAUSES) + 3):
        hooked.due_now()
        hooked.send()
    (one,) = hooked.deliveries()
    assert (one.state, one.attempts, len(receiver.got)) == ("given up", len(PAUSES) + 1, len(PAUSES) + 1)
    receiver.status = 200
    with hooked.known.catalog.write() as s:
        writes.send_again(s, "wh_1", one.id, actor="robot")
    hooked.send()
    assert hooked.deliveries()[0].state == "delivered"


def test_sent_again_during_an_attempt_that_one_decides_nothing(hooked: Hooked, receiver: Receiver) -> None:
    a_run(hooked.known.catalog)
    hooked.look()
    with hooked.known.catalog.write() as s:
        (due,) = writes.claim_deliveries(s, most=1)
    with hooked.known.catalog.write() as s:
        writes.send_again(s, "wh_1", due.id, actor="robot")
    with hooked.known.catalog.write() as s:
        writes.settle_delivery(s, due, status=500, error="it answered 500")
    hooked.send()
    assert hooked.deliveries()[0].state == "delivered"


def test_a_receiver_that_is_away_for_a_while_stays_switched_on(hooked: Hooked, receiver: Receiver) -> None:
    receiver.status = 503
    for _ in range(7):
        a_run(hooked.known.catalog)
    hooked.look()
    for _ in range(len(PAUSES)):
        hooked.due_now()
        hooked.send()
    assert hooked.hook().failures == 7 * len(PAUSES) > DEAD
    assert hooked.hook().active
    receiver.status = 200
    hooked.due_now()
    hooked.send()
    assert [one.state for one in hooked.deliveries()] == ["delivered"] * 7


@pytest.mark.parametrize(("status", "attempts", "why"), [(410, 1, "410 Gone"), (500, 9, "attempts failed one after")])
def test_a_dead_address_is_switched_off_and_says_why(
    status: int, attempts: int, why: str, hooked: Hooked, receiver: Receiver
) -> None:
    receiver.status = status
    catalog = hooked.known.catalog
    for _ in range(4):
        a_run(catalog)
    hooked.look()
    for attempt in range(attempts):
        if attempt == 1:  # it waits until the webhook is switched on again
            a_run(catalog)
            hooked.look()
        assert hooked.hook().active
        hooked.due_now()
        hooked.send()
    hook = hooked.hook()
    assert not hook.active
    assert why in hook.reason
    sent = len(receiver.got)
    hooked.due_now()
    hooked.send()
    assert len(receiver.got) == sent
    with catalog.write() as s:
        writes.change_webhook(s, "wh_1", actor="robot", active=True)
    receiver.status = 200
    hooked.due_now()
    hooked.send()
    assert len(receiver.got) > sent
    assert hooked.hook().reason is None


def test_a_redirect_is_not_followed(hooked: Hooked, receiver: Receiver) -> None:
    receiver.status, receiver.location = 307, receiver.url
    a_run(hooked.known.catalog)
    hooked.look()
    hooked.send()
    assert len(receiver.got) == 1
    assert "redirects" in hooked.deliveries()[0].error


def test_whoever_dies_with_a_lease_leaves_the_delivery_to_the_next(hooked: Hooked, receiver: Receiver) -> None:
    catalog = hooked.known.catalog
    a_run(catalog)
    hooked.look()
    (dead,) = catalog.transact(lambda s: writes.claim_deliveries(s, most=8))
    assert catalog.transact(lambda s: writes.claim_deliveries(s, most=8)) == []
    with catalog.write() as s:
        s.execute(update(Delivery).values(next_at=now(), leased_until=now() - timedelta(seconds=1)))
    (alive,) = catalog.transact(lambda s: writes.claim_deliveries(s, most=8))
    assert alive.event_id == dead.event_id

    def late(s: Session) -> None:
        writes.settle_delivery(s, dead, status=500, error="late")

    catalog.transact(late)
    assert hooked.deliveries()[0].error is None
    catalog.transact(lambda s: writes.settle_delivery(s, alive, status=200, error=None))
    assert hooked.deliveries()[0].state == "delivered"


def test_after_a_rotation_both_secrets_sign_for_a_day(hooked: Hooked, receiver: Receiver) -> None:
    with hooked.known.catalog.write() as s:
        new = writes.rotate_secret(s, "wh_1", actor="robot")
    assert new != hooked.secret
    a_run(hooked.known.catalog)
    hooked.look()
    hooked.send()
    assert len(receiver.got[0][0]["webhook-signature"].split()) == 2
    with hooked.known.catalog.write() as s:
        s.execute(update(Webhook).values(old_until=now()))
        s.execute(update(Delivery).values(state="waiting", next_at=now()))
    hooked.send()
    assert len(receiver.got[1][0]["webhook-signature"].split()) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1/x", "private or local"),
        ("https://127.0.0.1/x", "private or local"),
        ("https://localhost/x", "private or local"),
        ("https://[::1]/x", "private or local"),
        ("https://[::ffff:10.0.0.1]/x", "private or local"),
        ("https://10.1.2.3/x", "private or local"),
        ("https://169.254.169.254/latest/meta-data", "private or local"),
        ("https://0.0.0.0/x", "private or local"),
        ("https://127.1/x", "unusual way"),
        ("https://2130706433/x", "unusual way"),
        ("https://0x7f.0.0.1/x", "unusual way"),
        ("http://93.184.216.34/x", "use https"),
        ("ftp://example.com/x", "no address"),
        ("file:///etc/passwd", "no address"),
        ("https://user:pw@example.com/x", "user or password"),
        ("https://example.com/x#part", "fragment"),
        ("https://example.com:99999/x", "no address"),
        ("https:///x", "no address"),
        ("https://exa mple.com/x", "no address"),
        ("https://example.com/\r\nX: 1", "no address"),
    ],
)
def test_addresses_that_a_webhook_may_not_have(url: str, said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        demand_address(url, ())


def test_an_address_that_turns_private_is_not_reached(hooked: Hooked, receiver: Receiver) -> None:
    hooked.known.settings.webhook_networks = ()
    try:
        a_run(hooked.known.catalog)
        hooked.look()
        hooked.send()
    finally:
        hooked.known.settings.webhook_networks = LOCAL
    assert receiver.got == []
    assert "private or local" in hooked.deliveries()[0].error


def test_an_answer_that_never_comes_is_cut_off(hooked: Hooked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "SECONDS", 0.2)
    with silent() as url:
        with hooked.known.catalog.write() as s:
            writes.change_webhook(s, "wh_1", actor="robot", url=url)
        a_run(hooked.known.catalog)
        hooked.look()
        hooked.send()
    assert "no answer within" in hooked.deliveries()[0].error


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as door:
        yield f"http://127.0.0.1:{door.getsockname()[1]}/x"


@pytest.mark.slow
def test_registered_rotated_changed_and_removed_by_requests(
    start: Callable[..., Site], program: Program, receiver: Receiver
) -> None:
    site = start(webhook_networks=LOCAL)
    client = program(site)
    key = {"Idempotency-Key": "hook"}
    made = client.post("/webhooks", json={"url": receiver.url, "events": ["run.ready"]}, headers=key)
    assert made.status_code == 201, made.text
    hook, secret = made.json()["id"], made.json()["secret"]
    assert (
        client.post("/webhooks", json={"url": receiver.url, "events": ["run.ready"]}, headers=key).json() == made.json()
    )
    assert secret not in client.get("/webhooks").text
    assert [one["id"] for one in client.get("/webhooks").json()] == [hook]
    problem(client.post("/webhooks", json={"url": "https://10.0.0.1/x"}), 422)
    problem(client.post("/webhooks", json={"url": receiver.url, "events": ["run.began"]}), 422)
    with site.catalog.write() as s:
        (run,) = (one.id for one in views.recent_runs(s))
        writes.finish_run(s, run, "completed")
    for _ in range(200):  # the dashboard's own loop
        if receiver.got:
            break
        threading.Event().wait(0.05)
    assert json.loads(receiver.got[0][1])["data"]["run_id"] == run
    for _ in range(100):
        (one,) = client.get(f"/webhooks/{hook}/deliveries").json()["items"]
        if one["state"] == "delivered":
            break
        threading.Event().wait(0.05)
    assert one["state"] == "delivered"
    assert client.post(f"/webhooks/{hook}/deliveries/{one['id']}/send").status_code == 202
    assert client.post(f"/webhooks/{hook}/rotate").json()["secret"] != secret
    assert client.patch(f"/webhooks/{hook}", json={"active": False}).json()["reason"] == "switched off by admin"
    problem(client.post(f"/webhooks/{hook}/deliveries/{one['id']}/send"), 422)
    assert client.delete(f"/webhooks/{hook}").status_code == 204
    problem(client.get(f"/webhooks/{hook}"), 404)
    with site.catalog.read() as s:
        actions = {one.action for one in views.audit_page(s, entity="webhook").rows}
    assert actions == {
        "add webhook",
        "send again",
        "rotate webhook secret",
        "change webhook",
        "remove webhook",
    }


def test_an_order_that_never_begins_is_told_as_failed(hooked: Hooked, receiver: Receiver) -> None:
    class Prefect:
        @staticmethod
        def state(_: str) -> str:
            return "CRASHED"

    hooked.known.prefect = Prefect
    with hooked.known.catalog.write() as s:
        writes.add_order(s, id="order-1", user_id=1)
    known: Resources = hooked.known
    sender.look_at_orders(known)
    assert hooked.deliveries() == []  # too young to ask
    from storage.catalog.schema import Order

    with hooked.known.catalog.write() as s:
        s.execute(update(Order).values(created_at=now() - timedelta(minutes=5)))
    for _ in range(2):
        sender.look_at_orders(known)
    hooked.send()
    ((_, body),) = receiver.got
    assert json.loads(body)["data"] == {"run_id": "order-1", "state": "failed", "began": False}
