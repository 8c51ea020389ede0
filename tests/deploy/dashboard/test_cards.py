"""Deciding where pictures are shown: gallery, grid and compare; ticks, tags, collections and saved filters."""

import pytest
from playwright.sync_api import Page

from storage.catalog import views, writes
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import Open, decided, in_order, sent


def state(page: Page, output: int, said: str) -> None:
    """Wait until the card of an output shows this decision."""
    page.wait_for_selector(f'[data-output="{output}"][data-decision="{said}"]')


def test_keys_decide_on_the_focused_card_of_the_gallery_and_are_undone(site: Site, tab: Open) -> None:
    first, second, *_ = in_order(site)
    page = tab(site, "/outputs")
    page.keyboard.press("p")  # nothing has the focus
    page.keyboard.press("ArrowRight")
    page.keyboard.press("p")
    page.keyboard.press("4")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    state(page, second.output_id, "rejected")
    page.keyboard.press("z")
    state(page, second.output_id, "none")
    sent(page)
    assert decided(site, first.output_id) == ("approved", 4, 3)
    assert decided(site, second.output_id) == ("none", 0, 3)


@pytest.mark.slow
def test_ticks_with_shift_are_decided_on_tagged_and_found_again(site: Site, tab: Open) -> None:
    rows = in_order(site)
    page = tab(site, "/outputs")
    boxes = page.locator(".pick input")
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    page.get_by_text("4 ticked").wait_for()
    page.locator("#chosen").get_by_role("button", name="Flag").click()
    sent(page)
    assert [decided(site, one.output_id)[0] for one in rows[:6]] == ["none", *["flagged"] * 4, "none"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("t")
    page.get_by_label("Name of a tag").fill("hero shots")
    page.get_by_role("button", name="Collect").click()
    page.get_by_text("1 picture added to hero shots").wait_for()
    page.goto(f"{site.base}/outputs?collection=hero+shots")
    assert page.locator(".card-picture").count() == 1
    page.get_by_text("Save filter").click()
    page.get_by_label("Name", exact=True).fill("the heroes")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="the heroes").click()
    assert page.get_by_role("link", name="the heroes").get_attribute("aria-current") == "true"


@pytest.mark.slow
def test_a_seed_of_the_grid_is_that_seed_in_every_cell(site: Site, tab: Open) -> None:
    with site.catalog.read() as s:
        cells = views.grid(s, 1)
    gone = next(one for one in cells if one.seed == 2)
    with site.client("operator") as client:
        with site.catalog.write() as s:
            writes.finish_run(s, views.recent_runs(s)[0].id, "completed")
        assert client.post(f"/outputs/{gone.output_id}/forget").status_code == 303
    page = tab(site, "/subjects/1/grid", viewport={"width": 390, "height": 800})
    page.keyboard.press(".")
    assert page.inner_text("#seed") == "seed 2"
    seeds = page.eval_on_selector_all(".flip > :not([hidden])", "(all) => all.map((one) => one.dataset.seed)")
    assert seeds == ["2", "2"]
    page.get_by_text("no seed 2").wait_for()
    boxes = page.eval_on_selector_all(".flip img", "(all) => all.map((one) => [one.clientWidth, one.clientHeight])")
    assert {width == height for width, height in boxes if width} == {True}, "as the pictures are"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("f")
    sent(page)
    other = next(one for one in cells if one.seed == 2 and one.prompt != gone.prompt)
    assert decided(site, other.output_id)[0] == "flagged"


@pytest.mark.slow
def test_compare_decides_on_the_focused_picture_beside_the_reference(site: Site, tab: Open) -> None:
    page = tab(site, "/compare?ids=1,2,3,4")
    page.get_by_alt_text("Reference of pip").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("p")
    state(page, 2, "approved")
    page.get_by_label("2 × 2").check()
    tops = page.eval_on_selector_all(".pane", "(all) => all.map((one) => Math.round(one.getBoundingClientRect().top))")
    assert tops[0] == tops[1] < tops[2] == tops[3]
    sent(page)
    assert decided(site, 2)[0] == "approved"


@pytest.mark.slow
def test_a_card_that_someone_else_decided_on_first_is_shown_as_it_is(site: Site, tab: Open) -> None:
    first = in_order(site)[0].output_id
    page = tab(site, "/outputs")
    page.keyboard.press("ArrowRight")
    site.say("operator", first, "flagged", 1)
    page.keyboard.press("p")
    page.get_by_text("Someone else decided").wait_for()
    state(page, first, "flagged")
    assert decided(site, first) == ("flagged", 0, 2)


@pytest.mark.slow
def test_back_returns_to_the_place_and_a_link_begins_at_the_beginning(site: Site, tab: Open) -> None:
    page = tab(site, "/outputs", viewport={"width": 360, "height": 800})
    for _ in range(40):
        page.mouse.wheel(0, 3000)
        page.wait_for_timeout(50)
        if page.locator(".chunk").count() >= 3:
            break
    card = page.locator(".chunk:not(.asleep) .card-picture").nth(100)
    card.scroll_into_view_if_needed()
    page.wait_for_timeout(400)
    output = card.get_attribute("data-output")
    top = page.evaluate("() => scrollY")
    assert "after=" not in page.url
    card.locator("a").first.click()
    page.wait_for_url("**/outputs/*")
    page.go_back()
    page.wait_for_selector(f'[data-output="{output}"]')
    page.wait_for_function("(top) => Math.abs(scrollY - top) < 40", arg=top)
    assert (
        page.evaluate("(id) => document.querySelector(`[data-output='${id}']`).getBoundingClientRect().top", output)
        < 800
    )
    fresh = tab(site, page.url.removeprefix(site.base))
    assert fresh.locator(".card-picture").first.get_attribute("data-output") == str(in_order(site)[0].output_id)
