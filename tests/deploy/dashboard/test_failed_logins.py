"""What becomes of failed logins: they are recorded, they make the next ones wait, and they harm nobody elsewhere."""

import pytest
from starlette.requests import Request

from deploy.dashboard.security.address import client_address, networks, throttle_key
from deploy.dashboard.settings import Settings, SettingsError
from storage.catalog import views
from storage.catalog.schema import Throttle
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.test_login import PASSWORD, form, visitor, with_password


def test_failed_logins_are_recorded_without_what_may_be_a_password(site: Site) -> None:
    with_password(site)
    with visitor(site) as client:
        fields = form(client, "/login")
        for name in ("Reviewer", "hunter2-typed-as-name"):
            client.post("/login", data={**fields, "name": name, "password": "also secret words"})
    with site.catalog.read() as s:
        rows = views.audit_page(s, action="failed log in").rows
        keys = [row.key for row in s.query(Throttle)]
        everything = str([rows, views.audit_page(s).rows, keys])
    assert [(one.entity_id, one.after["why"]) for one in rows] == [
        ("(unknown name)", "unknown name"),
        ("reviewer", "no password, or disabled"),  # names are compared to the letter at the login
    ]
    assert {one.actor for one in rows} == {one.after["address"] for one in rows} == {"127.0.0.1"}
    assert "hunter2" not in everything
    assert "secret words" not in everything


def test_who_guesses_at_one_address_does_not_make_the_right_person_wait_at_another(start: object) -> None:
    site: Site = start(proxies=networks("127.0.0.1"))  # type: ignore[operator]
    with_password(site)
    with visitor(site) as client:
        fields = form(client, "/login") | {"name": "reviewer"}
        guess = [
            # what stands left of the proxy's own word is the client's invention
            client.post(
                "/login", data={**fields, "password": "guess"}, headers={"X-Forwarded-For": f"10.0.0.{i}, 203.0.113.9"}
            ).status_code
            for i in range(8)
        ]
        assert guess[:6] == [401] * 6
        assert guess[6:] == [429] * 2
        right = {**fields, "password": PASSWORD}
        assert client.post("/login", data=right, headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 429
        entered = client.post("/login", data=right, headers={"X-Forwarded-For": "198.51.100.7"})
    assert entered.url.path == "/"


def asked(peer: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    client = None if peer is None else (peer, 1)
    return Request({"type": "http", "headers": headers, "client": client, "method": "GET", "path": "/"})


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "found"),
    [
        ("192.0.2.1", ["203.0.113.9"], "", "192.0.2.1"),  # no proxy is named: nobody is believed
        ("192.0.2.1", ["203.0.113.9"], "10.0.0.0/8", "192.0.2.1"),  # nor a stranger
        ("10.0.0.1", ["203.0.113.9"], "10.0.0.1", "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9, 10.0.0.2"], "10.0.0.0/8", "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9:4711"], "10.0.0.1", "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, nonsense"], "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.0/8", "10.0.0.3"),
        ("::ffff:10.0.0.1", ["[2001:db8::7]:443"], "10.0.0.1", "2001:db8::7"),
        ("fd00::1", ["2001:db8::7"], "10.0.0.1, fd00::/8", "2001:db8::7"),
        (None, ["203.0.113.9"], "10.0.0.1", ""),
    ],
)
def test_the_address_of_the_client(peer: str | None, forwarded: list[str], proxies: str, found: str) -> None:
    assert client_address(asked(peer, *forwarded), networks(proxies)) == found


def test_an_ipv6_address_counts_with_those_of_its_household() -> None:
    assert throttle_key("2001:db8::7") == throttle_key("2001:db8::1:2") != throttle_key("2001:db8:0:1::7")
    assert throttle_key("192.0.2.1") != throttle_key("192.0.2.2")


def test_proxies_are_addresses_or_networks() -> None:
    settings = Settings.load({"DREAMTUNER_DASHBOARD_PROXIES": "10.0.0.5, 172.16.0.0/12"})
    assert [str(one) for one in settings.proxies] == ["10.0.0.5/32", "172.16.0.0/12"]
    for wrong in ("proxy.example", "10.0.0.1/8"):
        with pytest.raises(SettingsError, match="DREAMTUNER_DASHBOARD_PROXIES"):
            Settings.load({"DREAMTUNER_DASHBOARD_PROXIES": wrong})
