"""Coming in by an OpenID provider that runs, and what it may not get away with."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser

from deploy.dashboard.app import create_app
from deploy.dashboard.security.oidc_settings import OidcSettings
from deploy.dashboard.settings import Settings, SettingsError
from storage.catalog import views, writes
from storage.catalog.database.base import now
from storage.catalog.views import UserView
from tests.deploy.dashboard import provider as p
from tests.deploy.dashboard.conftest import Site, serving


@dataclass
class Both:
    """A dashboard and the provider that it knows."""

    site: Site
    provider: p.Provider


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """One pair for all tests: each lets in somebody of its own."""
    with p.provider_at() as provider:
        oidc = OidcSettings(issuer=provider.issuer, client_id=p.CLIENT, client_secret=p.SECRET, name="Example")
        with serving(tmp_path_factory.mktemp("sign-on"), oidc=oidc) as site:
            with site.catalog.write() as s:
                writes.add_user(s, name="admin", role="admin", actor="setup")
            yield Both(site, provider)


@pytest.fixture
def provider(both: Both, request: pytest.FixtureRequest) -> p.Provider:
    both.provider.honest(request.node.name, "jane")
    return both.provider


@pytest.fixture
def site(both: Both, provider: p.Provider) -> Site:
    return both.site


def come_in(site: Site, next: str = "/") -> httpx.Response:
    """What a browser without cookies sees at the end."""
    with site.client("", follow_redirects=True) as client:
        return client.get("/login/oidc", params={"next": next})


def people(site: Site) -> list[UserView]:
    """Users who came by the provider, the newest first."""
    with site.catalog.read() as s:
        return sorted((one for one in views.users(s) if one.issuer), key=lambda one: -one.id)


def test_who_is_known_there_comes_in_as_a_viewer_and_is_the_same_the_next_time(
    site: Site, provider: p.Provider
) -> None:
    entered = come_in(site, "/outputs?decision=none")
    assert (entered.status_code, str(entered.url)) == (200, f"{site.base}/outputs?decision=none")
    cookie = next(one for one in entered.history[-1].headers.get_list("set-cookie") if "session=" in one)
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    before = people(site)
    jane = before[0]
    assert (jane.role, jane.invited, jane.issuer) == ("viewer", False, provider.issuer)
    provider.honest(provider.who["sub"], "another name")
    asked = list(provider.asked)
    assert come_in(site, "//evil.example/").url.path == "/"
    assert people(site) == before
    assert provider.asked == asked  # what it says of itself is kept


def test_a_name_that_is_taken_is_not_taken_over(site: Site, provider: p.Provider) -> None:
    provider.honest("other", "Admin")
    assert come_in(site).url.path == "/"
    assert (people(site)[0].name, people(site)[0].role) == ("Admin 2", "viewer")


def test_who_is_shut_out_stays_out(both: Both, site: Site) -> None:
    come_in(site)
    with site.catalog.write() as s:
        admin = next(one.id for one in views.users(s) if one.name == "admin")
        writes.add_link(s, user_id=admin, token_sha256="l", expires_at=now() + timedelta(hours=1), actor="x")
        writes.use_link(s, token_sha256="l", password="hash")  # there has to be an admin
        writes.change_user(s, people(site)[0].id, actor="admin", active=False)
    refused = come_in(site)
    assert refused.status_code == 400
    assert "disabled; ask an admin" in refused.text


def test_keys_that_were_changed_are_asked_for_again(site: Site, provider: p.Provider) -> None:
    come_in(site)
    asked = list(provider.asked)
    provider.key = p.ECKey.generate_key("P-256", {"kid": "2"})
    assert come_in(site).url.path == "/"
    assert provider.asked == [*asked, "keys"]


TWISTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "issuer": lambda claims: claims.update(iss="https://evil.example"),
    "audience": lambda claims: claims.update(aud="another client"),
    "other party": lambda claims: claims.update(azp="another client"),
    "nonce": lambda claims: claims.update(nonce="of another login"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "run out": lambda claims: claims.update(exp=claims["exp"] - 3600, iat=claims["iat"] - 3600),
    "from the future": lambda claims: claims.update(iat=claims["iat"] + 3600, nbf=claims["iat"] + 3600),
    "hash of another token": lambda claims: claims.update(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "no subject": lambda claims: claims.pop("sub"),
    "subject": lambda claims: claims.update(sub=["a", "list"]),
}


@pytest.mark.parametrize("name", TWISTS)
def test_an_id_token_that_is_not_for_this_login_is_refused(site: Site, provider: p.Provider, name: str) -> None:
    provider.twist, before = TWISTS[name], people(site)
    refused = come_in(site)
    assert refused.status_code == 400
    assert "tart again" in refused.text or "tell an admin" in refused.text
    assert people(site) == before


@pytest.mark.parametrize("sign", [p.unsigned, p.with_the_clients_secret, p.with_another_key])
def test_an_id_token_that_the_provider_did_not_sign_is_refused(site: Site, provider: p.Provider, sign: Any) -> None:
    provider.sign, before = sign, people(site)
    assert come_in(site).status_code == 400
    assert people(site) == before


def test_a_provider_that_calls_itself_otherwise_or_is_away_is_a_sentence(tmp_path: Path) -> None:
    with p.provider_at() as liar:
        liar.announced = "https://evil.example"
        oidc = OidcSettings(issuer=liar.issuer, client_id="x", name="Example")
        with serving(tmp_path, oidc=oidc) as site:
            refused = come_in(site)
            assert (refused.status_code, "an admin has to correct it" in refused.text) == (400, True)
        with serving(tmp_path, oidc=replace(oidc, issuer="http://127.0.0.1:9")) as site, site.client("") as client:
            assert "Example does not respond" in client.get("/login/oidc").text
            assert client.get("/login").status_code == 200  # passwords still do


def test_state_code_and_verifier_belong_to_one_browser_and_one_login(site: Site) -> None:
    before = people(site)
    with site.client("") as client:
        there = client.get("/login/oidc").headers["location"]
        asked = parse_qs(urlsplit(there).query)
        assert asked["scope"] == ["openid profile email"]
        back = httpx.get(there).headers["location"]
    with site.client("") as other:  # a link that somebody was sent: it would log them in as the sender
        assert "not started in this browser" in other.get(back).text
        other.get("/login/oidc")
        assert "not started in this browser" in other.get(back).text
        # with its own state and a code that was stolen, the verifier is missing
        mine = parse_qs(urlsplit(other.get("/login/oidc").headers["location"]).query)["state"][0]
        stolen = parse_qs(urlsplit(back).query)["code"][0]
        answer = other.get("/login/oidc/callback", params={"code": stolen, "state": mine})
        assert "did not confirm the login (invalid_grant)" in answer.text
        refused = other.get("/login/oidc/callback", params={"error": "access_denied", "state": mine})
        assert "rejected the login (access_denied)" in refused.text
    assert people(site) == before


def test_a_code_works_once(site: Site) -> None:
    with site.client("") as client:
        back = httpx.get(client.get("/login/oidc").headers["location"]).headers["location"]
        kept = dict(client.cookies)
        assert client.get(back).status_code == 303
        assert "dreamtuner_sign_on" not in dict(client.cookies)
        assert (
            client.get(back, headers={"Cookie": f"dreamtuner_sign_on={kept['dreamtuner_sign_on']}"}).status_code == 400
        )


def test_in_a_browser_it_is_one_click(site: Site, provider: p.Provider, browser: Browser) -> None:
    provider.honest("in a browser", "juno")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.base}/outputs?decision=none")
    page.get_by_role("link", name="Log in with Example").click()
    page.wait_for_url(f"{site.base}/outputs?decision=none")
    assert page.get_by_role("link", name="juno").is_visible()
    context.close()


def test_settings_are_read_and_judged() -> None:
    env = {
        "DREAMTUNER_DASHBOARD_OIDC_ISSUER": "https://id.example.org/realm",
        "DREAMTUNER_DASHBOARD_OIDC_CLIENT_ID": "d",
    }
    oidc = Settings.load(env).oidc
    assert oidc == OidcSettings(issuer="https://id.example.org/realm", client_id="d", name="id.example.org")
    assert Settings.load({}).oidc is None
    assert "hush" not in repr(OidcSettings(issuer="https://a", client_id="d", client_secret="hush"))
    for more, said in (
        ({"ISSUER": "http://id.example.org"}, "is not an https:// address"),
        ({"CLIENT_ID": ""}, "set the client ID"),
        ({"ROLE": "admin"}, "not viewer, reviewer or operator"),
    ):
        with pytest.raises(SettingsError, match=said):
            Settings.load(env | {f"DREAMTUNER_DASHBOARD_OIDC_{name}": value for name, value in more.items()})


def test_without_authlib_the_dashboard_starts_and_sign_on_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [one for one in sys.modules if one.split(".")[0] in ("authlib", "joserfc")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("deploy.dashboard.security.oidc.find_spec", lambda name: None)
    settings = Settings(catalog_url="sqlite://", store_url="/nowhere")
    create_app(settings)
    assert not [one for one in sys.modules if one.split(".")[0] in ("authlib", "joserfc")]
    with pytest.raises(SettingsError, match=r"pip install 'dreamtuner\[oidc\]'"):
        create_app(
            Settings(catalog_url="sqlite://", store_url="/", oidc=OidcSettings(issuer="https://a", client_id="d"))
        )
