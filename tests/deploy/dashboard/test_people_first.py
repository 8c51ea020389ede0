"""Every page for everybody: no accessibility rule broken in light and dark, nothing wider than a telephone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.reviewing import queue

PAGES = (
    "/",
    "/outputs",
    "/outputs?metric=clip_i&lowest=0.7",
    "/outputs?prompt=nowhere",
    "/outputs/1",
    "/review",
    "queue",
    "queue?at=240",
    "/subjects",
    "/subjects/1",
    "/subjects/1/grid",
    "/compare",
    "/compare?ids=1,2",
    "/compare?ids=1,2,3,4",
    "/bulk",
    "/export",
    "/flows",
    "/orders/new",
    "/orders/schedules",
    "/audit",
    "/users",
    "/account",
    "/nowhere",
    "/login",
)


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_no_page_breaks_a_rule_or_is_wider_than_the_window(
    shared: Site, browser: Browser, scheme: str, width: int
) -> None:
    path = queue(shared, "admin")
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})  # type: ignore[arg-type]
    context.add_cookies([{"name": "dreamtuner_session", "value": shared.cookies["admin"], "url": shared.base}])
    page, broken = context.new_page(), []
    for one in PAGES:
        page.goto(shared.base + one.replace("queue", path))
        page.wait_for_load_state("load")
        if one.startswith("queue"):
            page.wait_for_function("() => document.getElementById('place').textContent !== ''")
        if page.evaluate("() => document.documentElement.scrollWidth") > width:
            broken.append(f"{one} is wider than {width} pixels")
        # axe is put in by the debugger's protocol, which the page's policy does not stop
        found = Axe().run(page)
        broken += [f"{one}: {rule['id']}: {rule['nodes'][0]['html'][:160]}" for rule in found.response["violations"]]
    context.close()
    assert not broken, "\n".join(broken)
