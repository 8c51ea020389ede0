"""Reviewing in a real browser: no decision is lost, doubled or written over another's."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route

from storage.catalog import views
from tests.deploy.dashboard.conftest import Site

Open = Callable[..., Page]


@pytest.fixture
def tab(browser: Browser) -> Iterator[Open]:
    """Opens a page of a site as somebody; what the console or the network says against it fails the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(site: Site, path: str, who: str = "reviewer", **more: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **more})
        context.set_default_timeout(30_000)
        contexts.append(context)
        context.add_cookies([{"name": "dreamtuner_session", "value": site.cookies[who], "url": site.base}])

        def asked(request: Request) -> None:
            if not request.url.startswith((site.base, "blob:", "data:")):
                wrong.append(f"a request to {request.url}")

        context.on("request", asked)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(site.base + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def queue(site: Site, who: str = "reviewer", **filter: str) -> str:
    """The path of a new review queue."""
    with site.client(who) as client:
        made = client.post("/review", data=filter)
    assert made.status_code == 303
    return made.headers["location"]


def in_order(site: Site) -> list[views.OutputRow]:
    """All outputs as the gallery shows them."""
    with site.catalog.read() as s:
        return list(views.gallery_page(s, views.Filter(), limit=300).rows)


def decided(site: Site, output_id: int) -> tuple[str, int, int]:
    with site.catalog.read() as s:
        one = views.output(s, output_id)
    return one.decision, one.rating, one.revision


def shown(page: Page, number: int, of: int = 240) -> None:
    page.wait_for_function("(said) => document.getElementById('place').textContent === said", arg=f"{number} of {of}")


def sent(page: Page) -> None:
    """Wait until the outbox is empty."""
    page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.startsWith('outbox:'))", timeout=120_000)


def test_a_burst_of_200_keys_stores_exactly_200_decisions(site: Site, tab: Open) -> None:
    page = tab(site, queue(site))
    shown(page, 1)
    page.wait_for_selector("#picture[src]")
    keys = "pxfp5" * 40
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_function("() => document.getElementById('place').textContent.startsWith('201 of')")
    sent(page)
    names = {"p": ("approved", 0), "x": ("rejected", 0), "f": ("flagged", 0), "5": ("none", 5)}
    rows = in_order(site)
    assert [decided(site, row.output_id)[:2] for row in rows[:200]] == [names[key] for key in keys]
    assert {decided(site, row.output_id)[2] for row in rows[:200]} == {2}
    assert {decided(site, row.output_id) for row in rows[200:]} == {("none", 0, 1)}
    with site.catalog.read() as s:
        assert sum(len(views.reviews_of(s, row.output_id)) for row in rows) == 200


def test_undo_goes_back_and_gives_back(site: Site, tab: Open) -> None:
    first, second = in_order(site)[:2]
    page = tab(site, queue(site))
    shown(page, 1)
    for key in "5xp":
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
    assert "Somebody decided" in page.inner_text("#conflict")
    page.keyboard.press("p")  # seen now, so this may stand
    shown(page, 2)
    sent(page)
    assert decided(site, first.output_id) == ("approved", 0, 3)


def test_a_link_to_a_place_shows_it_and_back_returns_to_it(site: Site, tab: Open) -> None:
    path = queue(site)
    page = tab(site, f"{path}?at=7")
    shown(page, 8)
    page.keyboard.press("ArrowRight")
    shown(page, 9)
    page.keyboard.press("i")
    page.wait_for_url("**/outputs/*")
    page.go_back()
    shown(page, 9)
    page.goto(f"{site.base}/outputs?decision=none&metric=clip_i")
    assert page.eval_on_selector("[name=decision]", "(one) => one.value") == "none"
    page.select_option("[name=subject_id]", label="momo")
    page.wait_for_url("**subject_id=2**")
    page.wait_for_function("() => document.querySelector('#gallery').dataset.query.includes('subject_id=2')")
    page.reload()
    assert page.eval_on_selector("[name=subject_id]", "(one) => one.value") == "2"
    assert page.eval_on_selector("[name=metric]", "(one) => one.value") == "clip_i"


def test_after_the_last_picture_one_is_told_so_and_can_go_back(site: Site, tab: Open) -> None:
    path = queue(site, prompt="snow", subject_id="1")
    page = tab(site, f"{path}?at=59")
    shown(page, 60, 60)
    page.keyboard.press("p")
    page.get_by_text("That was the last picture").wait_for()
    page.keyboard.press("p")  # there is nothing to decide on
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    shown(page, 60, 60)
    sent(page)
    with site.catalog.read() as s:
        assert views.decisions(s)["approved"] == 1


def test_help_buttons_and_keys_are_one_map_and_can_be_changed_and_switched_off(site: Site, tab: Open) -> None:
    first, second, third = in_order(site)[:3]
    page = tab(site, queue(site))
    shown(page, 1)
    page.keyboard.press("?")
    rows = page.locator("#help-keys tr")
    assert (
        rows.count() == page.locator("#keys button").count() == int(page.get_attribute("#review", "data-actions") or 0)
    )
    page.get_by_role("button", name="Change the key of Approve").click()
    page.keyboard.press("a")
    assert page.locator("#help-keys tr", has_text="Approve").locator("kbd").inner_text() == "A"
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("p")  # means nothing now
    page.keyboard.press("a")
    shown(page, 2)
    page.reload()
    shown(page, 2)
    page.keyboard.press("a")
    shown(page, 3)
    page.keyboard.press("?")
    page.get_by_label("single keys decide").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("a")
    page.keyboard.press("x")
    sent(page)
    shown(page, 3)
    assert [decided(site, one.output_id)[0] for one in (first, second, third)] == ["approved", "approved", "none"]


def test_a_key_that_is_held_down_decides_once_and_space_holds_the_reference(site: Site, tab: Open) -> None:
    page = tab(site, queue(site))
    shown(page, 1)
    page.keyboard.down("p")
    page.keyboard.down("p")
    page.keyboard.down("p")
    page.keyboard.up("p")
    shown(page, 2)
    page.keyboard.down(" ")
    assert page.is_visible("#held")
    page.keyboard.up(" ")
    assert not page.is_visible("#held")


def test_the_gallery_never_holds_more_than_300_cards_and_comes_back_to_its_place(site: Site, tab: Open) -> None:
    page = tab(site, "/outputs", viewport={"width": 360, "height": 800})
    count = "Math.max(window.most, document.querySelectorAll('.card-picture').length)"
    watch = f"new MutationObserver(() => {{ window.most = {count} }})"
    page.evaluate(f"() => {{ window.most = 0; {watch}.observe(document.body, {{childList: true, subtree: true}}) }}")
    for _ in range(30):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(60)
        if page.locator(".chunk").count() == 4 and page.locator(".chunk").last.get_attribute("data-next") == "":
            break
    page.wait_for_function("() => document.querySelectorAll('.chunk').length >= 4")
    assert 60 <= page.evaluate("() => window.most") <= 300
    ids = page.eval_on_selector_all(".card-picture", "(all) => all.map((one) => one.dataset.id)")
    assert len(ids) == len(set(ids)) == 240


def test_pictures_are_chosen_in_the_gallery_and_zoomed_together(site: Site, tab: Open) -> None:
    page = tab(site, "/outputs", "viewer")
    for box in page.locator(".pick input").all()[:2]:
        box.check()
    page.get_by_role("link", name="Compare").click()
    page.wait_for_url("**/compare?ids=*")
    page.get_by_role("button", name="Zoom in").click()
    moved = page.eval_on_selector_all(".view img", "(all) => all.map((one) => one.style.transform)")
    assert "scale(1.5)" in moved[0]
    assert moved[0] == moved[1]
    page.get_by_label("under a slider").check()
    page.get_by_label("Slider", exact=True).fill("30")
    assert "30%" in page.eval_on_selector_all(".view", "(all) => all[1].style.clipPath")


def test_home_hears_of_news_by_itself(site: Site, tab: Open) -> None:
    page = tab(site, "/", "viewer")
    page.get_by_text("240 undecided").wait_for()
    site.say("operator", in_order(site)[0].output_id, "approved", 1)
    page.get_by_text("239 undecided").wait_for()


def test_a_mask_is_painted_and_saved_as_a_new_version(site: Site, tab: Open) -> None:
    page = tab(site, "/subjects/1", "operator")
    page.get_by_text("A better mask").click()
    canvas = page.locator(".painter canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 40)
    page.mouse.up()
    page.get_by_role("button", name="Save as new version").click()
    page.get_by_text("The new mask is in use.").wait_for()
    with site.catalog.read() as s:
        masks = views.subject(s, 1).references[0].masks
        assert [(one.version, one.method, one.current) for one in masks] == [(2, "given", True), (1, "grabcut", False)]
        assert masks[1].cells == 120
        assert views.output(s, 1).newer_mask
    assert page.get_by_text("older mask").count() >= 1


def test_the_picture_of_a_review_is_decoded_before_one_comes_to_it(site: Site, tab: Open) -> None:
    page = tab(site, queue(site))
    shown(page, 1)
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for place in range(2, 9):
        page.keyboard.press("ArrowRight")
        shown(page, place)
        name = json.loads(json.dumps(page.get_attribute("#picture", "src")))
        assert not any(url.endswith(name) for url in asked)
