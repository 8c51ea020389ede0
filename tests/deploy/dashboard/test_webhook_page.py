"""The pages of webhooks: what was sent when, what was answered, when it is tried next, and sending it again."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from storage.catalog import views, writes
from tests.deploy.dashboard.conftest import Site

HOOK = "wh_page"
EVENTS: Any = ("run.ready", "run.failed", "run.approved")


@pytest.fixture(autouse=True)
def nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dashboards' own loop: what it sends meanwhile would be another state."""

    async def send_due(known: Any) -> bool:
        return False

    monkeypatch.setattr("deploy.dashboard.webhooks.sender.send_due", send_due)


def shown(text: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


def told(site: Site, *ends: tuple[int | None, str | None]) -> list[str]:
    """A webhook that was told of one run for each of these answers (status and error); the runs, the first first."""
    runs = []
    with site.catalog.write() as s:
        url = "https://team.example/hooks?of=<us>"
        writes.add_webhook(s, id=HOOK, user_id=1, url=url, events=EVENTS, actor="admin")
    for status, error in ends:
        with site.catalog.write() as s:
            runs.append(writes.start_run(s, name="trip", spec={}, flow_run_id=None))
            writes.finish_run(s, runs[-1], "completed" if error is None else "failed")
        site.catalog.transact(writes.enter_run_events)
        with site.catalog.write() as s:
            for due in writes.claim_deliveries(s, most=5):
                writes.settle_delivery(s, due, status=status, error=error)
    return runs


def row_of(page: str, run: str) -> str:
    return next(shown(row) for row in page.split("<tr>") if f"/runs/{run}" in row)


def test_deliveries_say_what_was_sent_what_was_answered_and_when_it_is_tried_next(site: Site) -> None:
    good, bad = told(site, (204, None), (500, "it answered 500 <b>"))
    with site.catalog.read() as s:
        failed, delivered = views.deliveries_page(s, HOOK, after=None, limit=9).rows
    with site.client("admin") as client:
        listed = client.get("/webhooks").text
        assert "1 waiting" in shown(listed)
        assert "run.failed, waiting" in shown(listed)
        page = client.get(f"/webhooks/{HOOK}").text
        assert "https://team.example/hooks?of=<us>" in shown(page)
        assert "<us>" not in page, "escaped"
        assert "delivered" in row_of(page, good)
        assert "204" in row_of(page, good)
        assert f"{failed.next_at:%Y-%m-%d %H:%M} UTC" in row_of(page, bad).rpartition("500")[2]
        assert "it answered 500 <b>" in row_of(page, bad)
        (body, *_) = re.findall(r'<pre class="told"[^>]*>(.*?)</pre>', page, re.DOTALL)
        assert json.loads(unescape(body))["run_id"] == bad
        assert good not in client.get(f"/webhooks/{HOOK}?state=waiting").text
        assert bad not in client.get(f"/webhooks/{HOOK}?state=delivered").text
        assert client.get(f"/webhooks/{HOOK}?state=lost").status_code == 400
        assert client.get("/webhooks/wh_none").status_code == 404
        assert client.post(f"/webhooks/{HOOK}/deliveries/{delivered.id}/send").status_code == 303
        assert client.post(f"/webhooks/{HOOK}/deliveries/999/send").status_code == 404
    with site.catalog.read() as s:
        again = next(one for one in views.deliveries_page(s, HOOK, after=None, limit=9).rows if one.run_id == good)
        (line, *_) = views.audit_page(s).rows
    assert (again.state, again.attempts, again.event_id) == ("waiting", 0, delivered.event_id)
    assert (line.actor, line.action, line.after["delivery"]) == ("admin", "send again", delivered.id)


def test_a_webhook_is_switched_off_and_on_and_only_admins_see_it(site: Site) -> None:
    (run,) = told(site, (500, "it answered 500"))
    with site.client("admin") as client:
        assert client.post(f"/webhooks/{HOOK}/active", data={"active": "no"}).status_code == 303
        page = client.get(f"/webhooks/{HOOK}").text
        assert "switched off by admin" in shown(page)
        assert "once it is on" in row_of(page, run)
        assert "/send" not in page
        assert client.post(f"/webhooks/{HOOK}/deliveries/1/send").status_code == 400
        assert client.post(f"/webhooks/{HOOK}/active", data={"active": "maybe"}).status_code == 422
        assert client.post(f"/webhooks/{HOOK}/active", data={"active": "yes"}).status_code == 303
        assert "switched off" not in client.get(f"/webhooks/{HOOK}").text
    with site.client("operator") as client:
        assert client.get("/webhooks").status_code == 403
        assert client.get(f"/webhooks/{HOOK}").status_code == 403
        assert client.post(f"/webhooks/{HOOK}/active", data={"active": "no"}).status_code == 403


@pytest.mark.slow
def test_older_deliveries_follow_on_the_next_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.dashboard.routes.webhooks.LISTED", 2)
    runs = told(site, *[(204, None)] * 5)
    found: list[str] = []
    path = f"/webhooks/{HOOK}"
    with site.client("admin") as client:
        while path:
            page = client.get(path).text
            found += re.findall(r'href="/runs/([\w-]+)"', page)
            (path, *_) = [*re.findall(r'href="([^"]+)">Earlier', page), ""]
            path = unescape(path)
    assert found == runs[::-1]


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_pages_break_no_rule_and_fit(site: Site, tab: Callable[..., Page], scheme: Any, width: int) -> None:
    told(site, (204, None), (500, "it answered 500"))
    view: Any = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    for path in ("/webhooks", f"/webhooks/{HOOK}"):
        page = tab(site, path, "admin", **view)
        for details in page.locator("details summary").all():
            details.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
