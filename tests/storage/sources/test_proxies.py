"""This machine is never reached through a proxy, however the variables are written."""

import httpx
import pytest

from storage.proxies import spare_loopback, through_proxies


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:4200/api", "http://localhost/api", "http://[::1]:8/api", "http://127.9.9.9", "ws://a.localhost"],
)
def test_loopback_is_reached_directly(url: str) -> None:
    assert not through_proxies(url)


@pytest.mark.parametrize(
    "url", ["https://prefect.example.org/api", "http://10.0.0.7/api", "http://localhost.example.org"]
)
def test_other_hosts_may_be_behind_a_proxy(url: str) -> None:
    assert through_proxies(url)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"])
def test_loopback_is_added_to_what_stands_in_no_proxy(name: str) -> None:
    environ = {name: "http://127.0.0.1:9", "NO_PROXY": "localhost, [::1]:80,[::1],.corp.example"}
    spare_loopback(environ)
    assert environ["NO_PROXY"] == environ["no_proxy"] == "localhost,::1,.corp.example,127.0.0.1"


def test_the_lower_case_variable_wins_and_everything_stays_everything() -> None:
    environ = {"http_proxy": "http://127.0.0.1:9", "NO_PROXY": "other.example", "no_proxy": "*"}
    spare_loopback(environ)
    assert environ["NO_PROXY"].split(",")[0] == "*"
    assert "other.example" not in environ["NO_PROXY"]


def test_without_a_proxy_nothing_is_changed() -> None:
    environ = {"NO_PROXY": "[::1]", "HTTP_PROXY": ""}
    spare_loopback(environ)
    assert environ == {"NO_PROXY": "[::1]", "HTTP_PROXY": ""}


def test_a_client_can_be_made_with_the_mended_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "localhost,127.0.0.1,[::1]"}
    with monkeypatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        with pytest.raises(httpx.InvalidURL):
            httpx.Client()
    spare_loopback(environ)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    httpx.Client().close()
