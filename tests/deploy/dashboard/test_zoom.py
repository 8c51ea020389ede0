"""Zooming into the picture under review, by the screen's own pixels."""

import pytest

from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import Open, queue, shown

pytestmark = pytest.mark.slow


def test_a_picture_is_seen_at_its_own_pixels_and_moved_and_the_next_at_the_same_place(shared: Site, tab: Open) -> None:
    page = tab(shared, queue(shared), device_scale_factor=0.1)  # a pixel of a picture is 10 of the page's
    shown(page, 1)
    page.wait_for_function("() => document.getElementById('picture').naturalWidth === 64")

    def box() -> tuple[float, float, float]:
        found = page.locator("#picture").bounding_box()
        assert found is not None
        return found["x"], found["y"], found["width"]

    fitted = box()
    assert page.locator("#picture[src^='/previews/']").is_visible()
    page.keyboard.press("e")
    assert box()[2] == pytest.approx(640)
    page.wait_for_selector("#picture[src^='/pictures/']")  # pixels are judged on the picture itself
    page.keyboard.press("e")
    x, y, width = box()
    assert width == pytest.approx(1280)
    view = page.locator(".stage-picture").bounding_box()
    assert view is not None
    assert x + width / 2 == pytest.approx(view["x"] + view["width"] / 2, abs=1)
    page.mouse.move(view["x"] + 200, view["y"] + 200)
    page.mouse.down()
    page.mouse.move(view["x"] + 150, view["y"] + 260)
    page.mouse.up()
    assert box()[:2] == pytest.approx((x - 50, y + 60), abs=1)
    page.mouse.wheel(0, 90)
    page.wait_for_function("(y) => document.getElementById('picture').getBoundingClientRect().y < y", arg=y + 60)
    page.keyboard.press("Shift+ArrowLeft")
    for _ in range(20):
        page.keyboard.press("Shift+ArrowUp")
    x, y, _ = box()
    assert y == pytest.approx(view["y"], abs=1), "an edge stays at the view's edge"
    page.keyboard.press("ArrowRight")
    shown(page, 2)
    assert box()[:2] == pytest.approx((x, y), abs=1)
    page.wait_for_selector("#picture[src^='/pictures/']")
    page.keyboard.down(" ")
    held = page.locator("#held").bounding_box()
    assert held is not None
    assert (held["x"], held["width"]) == pytest.approx((x, 1280), abs=1), "the reference shows the same part"
    page.keyboard.up(" ")
    page.keyboard.press("e")
    assert box() == pytest.approx(fitted)
