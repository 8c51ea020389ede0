"""Looking around in a real browser: the gallery, comparing, news on Home, painting a mask."""

import pytest

from storage.catalog import views
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import Open, in_order


@pytest.mark.slow
def test_the_gallery_never_holds_more_than_300_cards_and_comes_back_to_its_place(shared: Site, tab: Open) -> None:
    page = tab(shared, "/outputs", viewport={"width": 360, "height": 800})
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


def test_pictures_are_chosen_in_the_gallery_and_zoomed_together(shared: Site, tab: Open) -> None:
    page = tab(shared, "/outputs", "viewer")
    for box in page.locator(".pick input").all()[:2]:
        box.check()
    page.get_by_role("link", name="Compare").click()
    page.wait_for_url("**/compare?ids=*")
    page.get_by_role("button", name="Zoom in").click()
    moved = page.eval_on_selector_all(".view img", "(all) => all.map((one) => one.style.transform)")
    assert "scale(1.5)" in moved[0]
    assert moved[0] == moved[1]
    page.get_by_label("compare with a slider").check()
    page.get_by_label("Slider", exact=True).fill("30")
    assert "30%" in page.eval_on_selector_all(".view", "(all) => all[1].style.clipPath")


@pytest.mark.slow
def test_home_hears_of_news_by_itself(site: Site, tab: Open) -> None:
    page = tab(site, "/", "viewer")
    page.get_by_text("240 undecided").wait_for()
    site.say("operator", in_order(site)[0].output_id, "approved", 1)
    page.get_by_text("239 undecided").wait_for()


def test_a_mask_is_painted_and_saved_as_a_new_version(site: Site, tab: Open) -> None:
    page = tab(site, "/subjects/1", "operator")
    page.get_by_text("Change the mask").click()
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
