"""Deciding on a picture's own page, with notes and reasons, and stepping through the list one came from."""

import re
from collections.abc import Callable

import httpx
import pytest

from storage.catalog import views
from storage.catalog.views import ReviewView
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import Open, decided, in_order, queue, sent, shown


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


def latest(site: Site, output_id: int) -> ReviewView:
    with site.catalog.read() as s:
        return views.reviews_of(s, output_id)[-1]


def test_a_picture_is_decided_on_its_own_page_with_a_note_or_a_reason(start: Callable[..., Site]) -> None:
    site = start(reasons=("hands", "not the bear"))
    with site.client("reviewer") as client:

        def send(page: str, **fields: str) -> httpx.Response:
            form = {"uuid": field(page, "uuid"), "revision": field(page, "revision")}
            return client.post("/outputs/1/review", data=form | fields)

        first = client.get("/outputs/1").text
        said = {"decision": "approved", "rating": "4", "note": "for the cover"}
        assert send(first, **said).status_code == 303
        assert send(first, **said).status_code == 303  # sent twice, stored once
        assert decided(site, 1) == ("approved", 4, 2)
        assert latest(site, 1).note == "for the cover"
        second = client.get("/outputs/1").text
        assert "<q>for the cover</q>" in second
        assert send(second, reason="hands", note="three of them").status_code == 303
        assert (decided(site, 1)[0], latest(site, 1).note) == ("rejected", "hands: three of them")
        late = send(client.get("/outputs/1").text.replace('value="3"', 'value="2"'), decision="approved", note="mine")
        assert (late.status_code, decided(site, 1)[0]) == (409, "rejected")
        assert "someone decided on this picture" in late.text.lower()
        assert field(late.text, "revision") == "3"
        assert 'value="mine"' in late.text
        assert send(late.text, decision="adored").status_code == 422
        assert send(late.text).status_code == 400
    with site.client("viewer") as client:
        assert 'id="decide"' not in client.get("/outputs/1").text
        assert client.post("/outputs/1/review", data={"uuid": "12345678", "revision": "3"}).status_code == 403


@pytest.mark.slow
def test_keys_decide_there_and_step_through_the_gallery_that_one_came_from(site: Site, tab: Open) -> None:
    rows = [one.output_id for one in in_order(site) if "snow" in one.prompt]
    page = tab(site, "/outputs?prompt=snow")
    page.locator(".card-picture > a").nth(1).click()
    page.wait_for_url(f"**/outputs/{rows[1]}")
    page.get_by_text("2 of ").wait_for()
    page.keyboard.press("n")
    page.keyboard.type("a good one")
    page.keyboard.press("Enter")  # decides nothing
    page.locator("h1").click()
    page.keyboard.press("3")
    page.keyboard.press("p")
    page.get_by_text("Approved.").wait_for()
    assert (decided(site, rows[1])[:2], latest(site, rows[1]).note) == (("approved", 3), "a good one")
    page.get_by_text("2 of ").wait_for()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/outputs/{rows[2]}")
    page.get_by_text("3 of ").wait_for()
    page.keyboard.press("Shift+Digit1")
    page.get_by_text("Rejected.").wait_for()
    assert latest(site, rows[2]).note == "wrong subject"
    page.get_by_role("link", name="Back to the list").click()
    page.wait_for_url("**/outputs?prompt=snow")


@pytest.mark.slow
def test_reasons_and_notes_have_keys_in_the_review_too(site: Site, tab: Open) -> None:
    first, second = in_order(site)[:2]
    page = tab(site, queue(site))
    shown(page, 1)
    page.keyboard.press("Shift+Digit2")
    shown(page, 2)
    page.keyboard.press("n")
    page.keyboard.type("px")
    page.keyboard.press("Enter")
    page.keyboard.press("f")
    shown(page, 3)
    assert page.input_value("#note") == ""
    sent(page)
    assert (decided(site, first.output_id)[0], latest(site, first.output_id).note) == (
        "rejected",
        "prompt not followed",
    )
    assert (decided(site, second.output_id)[0], latest(site, second.output_id).note) == ("flagged", "px")
