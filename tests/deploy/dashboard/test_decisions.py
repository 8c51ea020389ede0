"""Deciding in a real browser: no decision is lost, doubled or written over another's."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Route

from deploy.dashboard.settings import Settings
from storage.catalog import Catalog, views
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import Open, decided, in_order, queue, rating_moves_on, sent, shown


@pytest.mark.slow
def test_a_burst_of_100_keys_stores_exactly_100_decisions(site: Site, tab: Open) -> None:
    rating_moves_on(site)
    page = tab(site, queue(site))
    shown(page, 1)
    page.wait_for_selector("#picture[src]")
    keys = "pxfp5" * 20
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_function("() => document.getElementById('place').textContent.startsWith('101 of')")
    sent(page)
    names = {"p": ("approved", 0), "x": ("rejected", 0), "f": ("flagged", 0), "5": ("none", 5)}
    rows = in_order(site)
    assert [decided(site, row.output_id)[:2] for row in rows[:100]] == [names[key] for key in keys]
    assert {decided(site, row.output_id)[2] for row in rows[:100]} == {2}
    assert {decided(site, row.output_id) for row in rows[100:]} == {("none", 0, 1)}
    with site.catalog.read() as s:
        assert sum(len(views.reviews_of(s, row.output_id)) for row in rows) == 100


def test_undo_goes_back_and_gives_back(site: Site, tab: Open) -> None:
    first, second = in_order(site)[:2]
    page = tab(site, queue(site))
    shown(page, 1)
    for key in ("5", "ArrowRight", "x", "p"):  # a rating stays on its picture
        page.keyboard.press(key)
    shown(page, 4)
    page.keyboard.press("z")
    shown(page, 3)
    page.keyboard.press("z")
    shown(page, 2)
    page.get_by_role("button", name="Flag").click()
    sent(page)
    assert decided(site, first.output_id) == ("none", 5, 2)
    assert decided(site, second.output_id) == ("flagged", 0, 4)
    with site.catalog.read() as s:
        assert [one.decision for one in views.reviews_of(s, second.output_id)] == ["rejected", "none", "flagged"]


@pytest.mark.slow
def test_what_is_decided_offline_survives_a_reload_and_is_sent_once(site: Site, tab: Open) -> None:
    rows = in_order(site)
    page = tab(site, queue(site))
    shown(page, 1)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    for key in "pxp":
        page.keyboard.press(key)
    page.wait_for_selector("#outbox:not([hidden])")
    assert "3 unsent: no connection" in page.inner_text("#outbox")
    assert decided(site, rows[0].output_id)[0] == "none"
    kept = page.evaluate("() => JSON.stringify(localStorage)")
    page.context.set_offline(False)
    page.reload()
    sent(page)
    assert [decided(site, row.output_id)[0] for row in rows[:3]] == ["approved", "rejected", "approved"]
    # an outbox whose answers were lost sends again: nothing changes
    page.evaluate("(kept) => Object.entries(JSON.parse(kept)).forEach(([k, v]) => localStorage.setItem(k, v))", kept)
    page.reload()
    sent(page)
    assert [decided(site, row.output_id)[2] for row in rows[:3]] == [2, 2, 2]


@pytest.mark.slow
def test_a_server_that_fails_is_asked_again(site: Site, tab: Open) -> None:
    page = tab(site, queue(site))
    shown(page, 1)
    failures = iter([503, 500, 429])

    def fails(route: Route) -> None:
        code = next(failures, None)
        if code is None:
            route.continue_()
        else:
            route.fulfill(status=code, body="{}")

    page.route("**/api/reviews", fails)
    page.keyboard.press("p")
    shown(page, 2)  # decided, and so in the outbox
    sent(page)
    assert decided(site, in_order(site)[0].output_id) == ("approved", 0, 2)


def test_of_two_reviewers_the_second_is_told_and_nothing_is_written_over(site: Site, tab: Open) -> None:
    first, second = in_order(site)[:2]
    page = tab(site, queue(site))
    shown(page, 1)
    site.say("operator", first.output_id, "rejected", 1)
    page.keyboard.press("p")
    page.keyboard.press("x")
    page.get_by_text("It is number 1.").wait_for()
    sent(page)
    assert decided(site, first.output_id) == ("rejected", 0, 2)
    assert decided(site, second.output_id) == ("rejected", 0, 2)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    shown(page, 1)
    page.wait_for_function("() => document.getElementById('state').textContent === 'Rejected'")
    assert "Someone else decided" in page.inner_text("#conflict")
    page.keyboard.press("p")  # seen now, so this may stand
    shown(page, 2)
    sent(page)
    assert decided(site, first.output_id) == ("approved", 0, 3)


@pytest.mark.slow
def test_a_server_killed_in_a_burst_gets_the_rest_when_it_is_back(made: Path, tmp_path: Path, tab: Open) -> None:
    home = tmp_path / "home"
    shutil.copytree(made, home)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings(catalog_url=f"sqlite:///{home}/catalog.db", store_url=str(home / "objects"))
    with Catalog.open(settings.catalog_url) as catalog:
        site = Site(f"http://127.0.0.1:{port}", home, catalog, settings, {"reviewer": "cookie-of-reviewer"})
        first = served_by_a_process(site, port)
        page = tab(site, queue(site))
        shown(page, 1)
        page.wait_for_load_state("networkidle")
        for _ in range(10):
            page.keyboard.press("p")
        first.send_signal(signal.SIGKILL)
        first.wait()
        for _ in range(10):  # what comes next is in the page already
            page.keyboard.press("x")
        page.wait_for_selector("#outbox:not([hidden])")
        second = served_by_a_process(site, port)
        sent(page)
        second.terminate()
        second.wait()
        rows = in_order(site)
        said = [decided(site, row.output_id) for row in rows[:21]]
        assert said == [("approved", 0, 2)] * 10 + [("rejected", 0, 2)] * 10 + [("none", 0, 1)]
        with catalog.read() as s:
            assert sum(len(views.reviews_of(s, row.output_id)) for row in rows) == 20


def served_by_a_process(site: Site, port: int) -> "subprocess.Popen[bytes]":
    """A server that can be killed."""
    environment = os.environ | {"DREAMTUNER_HOME": str(site.home), "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "deploy.dashboard.serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            httpx.get(f"{site.base}/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return process
    raise AssertionError("the server did not start")
