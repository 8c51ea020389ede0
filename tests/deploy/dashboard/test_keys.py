"""The keys of the review page, and the places that it goes to by them."""

import json

import pytest

from storage.catalog import views
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import Open, decided, in_order, queue, sent, shown


def test_help_buttons_and_keys_are_one_map_and_can_be_changed_and_switched_off(site: Site, tab: Open) -> None:
    first, second, third = in_order(site)[:3]
    page = tab(site, queue(site))
    shown(page, 1)
    page.keyboard.press("?")
    rows = page.locator("#help-keys tr")
    actions = int(page.get_attribute("#review", "data-actions") or 0)
    assert rows.count() == page.locator("#keys button").count() + 1 == actions, "a stack has its button beside it"
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
    page.get_by_label("single-key shortcuts").uncheck()
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


@pytest.mark.slow
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


@pytest.mark.slow
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
