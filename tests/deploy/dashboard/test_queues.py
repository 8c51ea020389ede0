"""A queue goes on where it was left, on any device, and says how far one has come."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from storage.catalog import views, writes
from storage.catalog.records import NotInCatalogError
from storage.catalog.writes.review.queues import BULK, KEPT
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import Open, decided, in_order, queue, sent, shown, to_undo


def resume(site: Site, path: str, who: str = "reviewer") -> int:
    with site.client(who) as client:
        return int(re.search(r'data-resume="(\d+)"', client.get(path).text)[1])  # type: ignore[index]


def tally(site: Site, path: str, who: str = "reviewer") -> dict[str, Any]:
    with site.client(who) as client:
        found: dict[str, Any] = client.get(f"/api/queues/{path.rpartition('/')[2]}/progress").json()
    return found


def test_a_queue_goes_on_after_what_one_decided_and_passes_over_what_others_did(site: Site) -> None:
    rows = in_order(site)
    path = queue(site, decision="none", title="first look")
    assert (resume(site, path), tally(site, path)["waiting"]) == (0, 240)
    site.say("reviewer", rows[1].output_id, "approved", 1)
    site.say("operator", rows[2].output_id, "rejected", 1)
    assert resume(site, path) == 3, "after the last one; the first was left out and waits for the end"
    assert tally(site, path) == {
        "tally": {"none": 238, "approved": 1, "rejected": 1, "flagged": 0}, "waiting": 238, "first": 0
    }  # fmt: skip
    with site.client("reviewer") as client:
        listed = client.get("/review").text
        items = client.get(f"/api/queues/{path.rpartition('/')[2]}/items?count=3").json()["items"]
    assert "first look" in listed
    assert "2 of 240 decided" in listed
    assert [one["waits"] for one in items] == [True, False, False]


@pytest.mark.slow
def test_a_queue_of_pictures_in_any_state_goes_on_after_the_last_decision(site: Site) -> None:
    rows = in_order(site)
    site.say("reviewer", rows[0].output_id, "approved", 1)  # before the queue
    path = queue(site)
    assert resume(site, path) == 0
    site.say("reviewer", rows[4].output_id, "approved", 1)
    assert resume(site, path) == 5
    site.say("reviewer", rows[-1].output_id, "flagged", 1)
    assert resume(site, path) == 240


def test_one_of_two_approvals_waits_for_the_other_person_alone(start: Callable[..., Site]) -> None:
    site = start(approvals=2)
    rows = in_order(site)[:3]
    with site.catalog.write() as s:
        for who, one, said in (("reviewer", rows[0], "approved"), ("operator", rows[1], "approved")):
            fields: dict[str, Any] = {"output_id": one.output_id, "revision": 1, "decision": said, "reviewer": who}
            writes.add_review(s, uuid=f"{who}-1234567", approvals_needed=2, **fields)
    with site.catalog.read() as s:
        ids = [one.output_id for one in rows]
        assert views.waiting_for(s, ids, "reviewer") == {ids[1], ids[2]}
        assert views.waiting_for(s, ids, "operator") == {ids[0], ids[2]}
        for who, rest in (("reviewer", {ids[1], ids[2]}), ("operator", {ids[0], ids[2]})):
            page = views.gallery_page(s, views.Filter(waits_for=who), limit=300).rows
            assert {one.output_id for one in page} & {*ids} == rest
    for who, waiting in (("reviewer", 239), ("operator", 239), ("admin", 240)):
        path = queue(site, who, decision="none")
        assert (tally(site, path, who)["waiting"], resume(site, path, who)) == (waiting, 0)
    with site.client("operator") as client:
        assert '<option value="operator" selected>me' in client.get("/review").text
        everyones = client.post("/review", data={"decision": "none", "waits_for": ""}).headers["location"]
    assert sum(tally(site, everyones, "operator")["tally"].values()) == 240


@pytest.mark.slow
def test_undo_works_after_a_reload_and_not_over_what_another_decided(site: Site, tab: Open) -> None:
    rows = in_order(site)
    page = tab(site, queue(site, decision="none"))
    shown(page, 1)
    for key in "pxf":
        page.keyboard.press(key)
    shown(page, 4)
    sent(page)
    page.reload()
    shown(page, 4)
    page.keyboard.press("z")
    shown(page, 3)
    sent(page)
    assert decided(site, rows[2].output_id) == ("none", 0, 3)
    site.say("operator", rows[1].output_id, "approved", 2)
    page.reload()
    page.keyboard.press("z")
    page.get_by_text("decided on again since").wait_for()
    assert decided(site, rows[1].output_id) == ("approved", 0, 3)
    page.keyboard.press("z")
    shown(page, 1)
    sent(page)
    assert decided(site, rows[0].output_id) == ("none", 0, 3)


@pytest.mark.slow
def test_another_device_goes_on_there_and_the_end_says_what_was_decided(site: Site, tab: Open) -> None:
    rows = in_order(site)
    path = queue(site, decision="none", prompt="snow", subject_id="1")
    first = tab(site, path)
    shown(first, 1, 60)
    first.keyboard.press("ArrowRight")
    first.keyboard.press("p")
    shown(first, 3, 60)
    sent(first)
    ours = [one.output_id for one in rows if "snow" in one.prompt and one.subject_id == 1]
    for one in ours[3:]:
        site.say("operator", one, "rejected", 1)
    second = tab(site, path)
    shown(second, 3, 60)
    second.keyboard.press("x")  # the rest is decided
    second.get_by_text("That was the last picture").wait_for()
    second.get_by_text("Everything is stored").wait_for()
    second.get_by_text("58 rejected").wait_for()
    second.get_by_role("link", name="Decide on the one that waits").click()
    shown(second, 1, 60)


@pytest.mark.slow
def test_undoing_twice_on_one_picture_gives_back_what_was_shown_before_each(site: Site, tab: Open) -> None:
    one = in_order(site)[0].output_id
    page = tab(site, queue(site))
    for key in "fx":
        shown(page, 1)
        page.keyboard.press(key)
        shown(page, 2)
        page.keyboard.press("ArrowLeft")
    for state in ("Flagged", "Undecided"):
        page.keyboard.press("z")
        page.wait_for_function("(said) => document.getElementById('state').textContent === said", arg=state)
        sent(page)
        assert decided(site, one)[0] == {"Flagged": "flagged", "Undecided": "none"}[state]
    page.keyboard.press("z")
    page.get_by_text("nothing to undo").wait_for()


@pytest.mark.slow
def test_what_one_tab_decided_another_can_undo_and_both_can_be_undone(site: Site, tab: Open) -> None:
    rows = in_order(site)
    path = queue(site)
    first = tab(site, path)
    shown(first, 1)
    second = first.context.new_page()
    second.goto(site.base + path)
    shown(second, 1)
    first.keyboard.press("p")
    second.wait_for_function("() => document.getElementById('state').textContent === 'Approved'")
    second.keyboard.press("ArrowRight")
    second.keyboard.press("x")
    shown(second, 3)
    for tab_of, left, place in ((first, 2, 2), (second, 1, 1)):
        to_undo(tab_of, left)  # what another tab has stored arrives a moment later
        tab_of.keyboard.press("z")
        shown(tab_of, place)
        sent(tab_of)
    assert [decided(site, one.output_id) for one in rows[:2]] == [("none", 0, 3), ("none", 0, 3)]


@pytest.mark.slow
def test_undo_reaches_over_a_visit_to_compare(site: Site, tab: Open) -> None:
    rows = in_order(site)
    page = tab(site, queue(site))
    shown(page, 1)
    page.keyboard.press("p")
    shown(page, 2)
    page.keyboard.press("c")
    page.wait_for_url("**/compare*")
    page.go_back()
    shown(page, 2)
    page.keyboard.press("z")
    shown(page, 1)
    sent(page)
    assert decided(site, rows[0].output_id) == ("none", 0, 3)


def test_counting_what_a_decision_on_all_would_change_costs_no_queue(site: Site) -> None:
    with site.catalog.write() as s:
        user = next(one.id for one in views.users(s) if one.role == "reviewer")
        kept = writes.add_queue(s, user_id=user, title="mine", filter={}, output_ids=[1, 2])
        for _ in range(KEPT + 5):
            writes.add_queue(s, user_id=user, title="count", filter={BULK: "approved"}, output_ids=[1])
        for _ in range(KEPT):
            assert views.queue(s, kept).title == "mine"
            writes.add_queue(s, user_id=user, title="later", filter={}, output_ids=[1])
        with pytest.raises(NotInCatalogError):
            views.queue(s, kept)
        assert sum(BULK in one.filter for one in views.queues_of(s, user)) == KEPT
