"""Review over plain http from another machine, where browsers leave out what wants a secure context."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Page

from tests.deploy.dashboard.conftest import ELSEWHERE, Site
from tests.deploy.dashboard.reviewing import Open, decided, in_order, sent, shown


@pytest.mark.slow
def test_keys_decide_and_undo_over_http_in_two_tabs_at_once(start: Callable[..., Site], tab: Open) -> None:
    here = start(origin=f"http://{ELSEWHERE}:{{port}}")
    origin = here.settings.origin
    with here.client("reviewer", headers={"Origin": origin}) as client:
        path = client.post("/review").headers["location"]
    site = replace(here, base=origin)
    first, second, third = in_order(site)[:3]
    page = tab(site, path)
    shown(page, 1)
    assert not page.evaluate("isSecureContext || 'locks' in navigator || 'randomUUID' in crypto")
    other: Page = page.context.new_page()
    other.goto(origin + path + "?at=2")
    shown(other, 3)
    page.route("**/api/reviews", lambda route: route.abort())  # what is decided waits for the connection
    for key in ("p", "x", "z", "f"):
        page.keyboard.press(key)
    shown(page, 3)
    page.unroute("**/api/reviews")
    other.keyboard.press("3")  # both tabs send what waits
    page.evaluate("dispatchEvent(new Event('online'))")
    sent(page)
    assert decided(site, first.output_id) == ("approved", 0, 2)
    assert decided(site, second.output_id) == ("flagged", 0, 4)
    assert decided(site, third.output_id) == ("none", 3, 2)
